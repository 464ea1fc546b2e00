"""What moves and answers on a page without a kernel, in the web site and in the talks.

- A widget moves by pictures that were drawn beforehand, one for each state (`frames`, and
  `make frames`, which executes the notebooks to draw them).
- A question is answered before its reasons open.
- Two decoders run in the page itself (`models`).

`parts` writes them as HTML, `static/alive.js` brings that to life, and `static/alive.css` says how
it looks.
"""
