"""Checks the links of a web site: `links.py DIRECTORY`. Each file is there, and each anchor on its page; other hosts are not asked."""

import html
import pathlib
import re
import sys
import urllib.parse

root = pathlib.Path(sys.argv[1]).resolve()
pages = {path: path.read_text(encoding="utf-8") for path in root.rglob("*.html")}
anchors = {path: set(re.findall(r'\bid="([^"]*)"', text)) for path, text in pages.items()}
broken = checked = 0
for path, text in sorted(pages.items()):
    if path.name in ("print.html", "404.html", "toc.html"):
        continue  # made of the other pages, with links from elsewhere
    for link in re.findall(r'<a [^>]*href="([^"]*)"', text):
        link = urllib.parse.unquote(html.unescape(link))
        if "://" in link or link.startswith("mailto:"):
            continue
        checked += 1
        target, _, anchor = link.partition("#")
        target = (path.parent / target).resolve() if target else path
        if not target.exists():
            why = "there is no such file"
        elif anchor and target in anchors and anchor not in anchors[target]:
            why = "the page has no such anchor"
        else:
            continue
        broken += 1
        print(f"{path.relative_to(root)}: {link}: {why}", file=sys.stderr)
if broken or not checked:
    sys.exit(f"{broken} of {checked} links are broken")
print(f"{checked} links lead somewhere")
