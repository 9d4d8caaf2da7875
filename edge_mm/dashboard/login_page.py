"""The page that asks for name and password: plain HTML, no script.

In: what went wrong with the try before. Out: HTML. Not here: checking (``accounts``, ``gate``).
"""

from __future__ import annotations

from html import escape

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Log in · edge-mm</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="dark">
<style>
html {{ background: #0e1318; color: #dbe3ea; font: 1rem/1.5 system-ui, "DejaVu Sans", sans-serif; }}
main {{ max-width: 20rem; margin: 12vh auto 0; padding: 1rem; }}
label {{ display: block; margin-top: 1rem; }}
input, button {{ font: inherit; width: 100%; box-sizing: border-box; padding: .6rem; border-radius: .4rem; }}
input {{ background: #17202a; color: inherit; border: 1px solid #5c6b79; }}
button {{ margin-top: 1.5rem; background: #2f6fb0; color: #fff; border: 0; cursor: pointer; }}
:focus-visible {{ outline: 3px solid #8ec8ff; outline-offset: 2px; }}
.problem {{ background: #5a1d1d; color: #ffe3e0; padding: .6rem; border-radius: .4rem; }}
</style></head><body><main>
<h1>edge-mm</h1>{problem}
<form method="post" action="/login">
<label for="name">Name</label><input id="name" name="name" autocomplete="username" required autofocus>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>
<button type="submit">Log in</button>
</form></main></body></html>
"""


def login_page(problem: str = "") -> str:
    """The page.

    Args:
        problem: what was wrong with the try before.
    """
    return _PAGE.format(problem=f'<p class="problem" role="alert">{escape(problem)}</p>' if problem else "")
