"""Posts as HTML: a subset of CommonMark (no images, no raw HTML), sanitised, links that lead out without a trace.

Rendered once, when a post is written or applied, and stored beside its source. None takes longer than a quarter of a second,
whoever wrote it: each character that may mean something to Markdown costs up to 40 µs.
"""

import html
import re

import nh3
from markdown_it import MarkdownIt

LINK_REL = "nofollow noreferrer noopener"
TAGS = {
    "a", "blockquote", "br", "code", "em", "h3", "h4", "hr", "li", "ol", "p", "pre", "strong", "ul",
}  # fmt: skip
ATTRIBUTES = {"a": {"href"}, "ol": {"start"}}
SCHEMES = {"http", "https", "mailto"}
MAX_NESTING = 20
MOST_MARKUP = 2000  # characters; a long text of somebody who likes lists and links has a few hundred

_markdown = (
    MarkdownIt("commonmark", {"html": False, "breaks": True, "maxNesting": MAX_NESTING})
    .disable(["image", "html_block", "html_inline", "reference"])
)  # fmt: skip
_heading = {"h1": "h3", "h2": "h4", "h3": "h4", "h4": "h4", "h5": "h4", "h6": "h4"}


# Lines that begin with a letter and have nothing in them that Markdown or HTML knows: most of what people write.
_line = r"[^\W\d_](?:[^\W_]|[ ,.!?:;()'’…–-])*(?<! )"
_plain = re.compile(rf"{_line}(?:\n+{_line})*")
_between_paragraphs = re.compile(r"\n\n+")
_markup = re.compile(r"[\n!#$%&*+:<=>@\[\\\]^_`{}~-]")  # where markdown-it looks closer


def render(source: str) -> str:
    """HTML for a page's inside: headings below the page's own, line breaks kept, nothing that loads or runs.

    A text with more markup than anybody means stands there as it was written.
    """
    if _plain.fullmatch(source):  # a hundredth of the time
        return _paragraphs(source)
    if len(source) > MOST_MARKUP and len(_markup.findall(source)) > MOST_MARKUP:
        return _paragraphs(html.escape(source.strip(), quote=False))
    return render_marked(source)


def _paragraphs(escaped: str) -> str:
    paragraphs = _between_paragraphs.split(escaped)
    return "".join(f"<p>{each.replace(chr(10), '<br>' + chr(10))}</p>\n" for each in paragraphs)


def render_marked(source: str) -> str:
    """The same of whatever source, by Markdown's rules and through the sanitiser."""
    tokens = _markdown.parse(source)
    for token in tokens:
        token.tag = _heading.get(token.tag, token.tag)
    rendered: str = _markdown.renderer.render(tokens, _markdown.options, {})
    return nh3.clean(rendered, tags=TAGS, attributes=ATTRIBUTES, url_schemes=SCHEMES, link_rel=LINK_REL)
