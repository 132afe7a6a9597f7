"""What is looked for in every page: markup that none of our templates has, and broken rules of accessibility."""

from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped] # it ships no types
from playwright.async_api import Page

#: Elements and attributes that none of our templates has.
STRANGE = """() => [...document.querySelectorAll(
    'script:not([src="/static/playground.js"]), style, base, object, embed, video, audio, svg, math, marquee, template,'
    + ' meta[http-equiv], link:not([href^="/static/"]), img:not([src^="/as/"]), :not(textarea)[style],'
    + ' [onerror], [onload], [onclick], [onfocus], [onmouseover], [ontoggle], [srcdoc],'
    + ' a[href^="javascript:" i], a[href^="data:" i], a[href^="//"]'
)].map((one) => one.outerHTML.slice(0, 200))"""


async def broken_rules(page: Page) -> list[str]:
    """The rules of accessibility that a page breaks, with where."""
    results = await Axe().run(page)
    return [
        f"{one['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
        for one in results.response["violations"]
        for node in one["nodes"][:3]
    ]
