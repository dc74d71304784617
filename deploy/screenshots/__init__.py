"""Pictures of the pages by a headless Chromium, at two widths and in both languages.

    python -m deploy.screenshots --data .peercafe --out docs/pictures

Fills the running region with a small example first: people who join, write and plan a café like everybody else.
"""
