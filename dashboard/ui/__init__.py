"""What any page is made of, whatever it shows: layout, charts with their headings, the theme."""
