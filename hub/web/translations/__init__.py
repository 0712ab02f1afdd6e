"""The words of the screens in French, German and English; Dutch is what the templates are written in.

`python -m hub.web.translations` brings the catalogues up to date with the templates, compiles them, and names what is not translated yet.
"""
