"""The words of the domain: fiche, claim, query, audience. Pure, standard library only, no IO."""
