/* The icons come from the theme's font; its script for them, in whose place this stands, has 1.6 MB. */
