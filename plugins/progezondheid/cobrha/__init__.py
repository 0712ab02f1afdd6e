"""CoBRHA by the XML of the eHealth AddressBook: an older source of the same caregivers, read under the same rules as ProGezondheid."""
