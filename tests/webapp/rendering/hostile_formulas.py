"""Formulas that try to be more than formulas, and formulas made to take for ever."""

TEXTS = (
    *(
        r"\text{<img/src=x/onerror=alert(1)>}",
        r"\text{<img src=x onerror=alert(1)>}",
        r"\text{</mtext></math><script>alert(1)</script>}",
    ),
    *(r"\mbox{<svg/onload=alert(1)>}", r"\text{<style>@import'//x.test'</style>}"),
    *(r"\href{javascript:alert(1)}{x}", r"\href{//x.test}{x}", r"\url{javascript:alert(1)}"),
    *(
        r"\class{x\"onclick=alert(1)}{y}",
        r"\cssId{toast}{y}",
        r"\style{background:url(//x.test)}{y}",
    ),
    *(r"\color{red}{y}", r"\color{\" onload=alert(1)}{y}", r"\bbox[red]{y}", r"\require{action}"),
    *(r"\includegraphics{//x.test/a.png}", r"\input{/etc/passwd}", r"\write18{id}"),
    *(r"\def\x{\x\x}\x", r"\newcommand{\a}{<b>}\a", r"\toggle{a}{b}\endtoggle", r"\unicode{x3c}"),
    *(r"\operatorname{<b>x</b>}", r"\mathrm{<script>}", r"\tag{<img src=x>}", r"\label{</math>}"),
    *(r"\begin{<b>}x\end{<b>}", r"\begin{array}{<i>}x\end{array}", r"\left<script\right>"),
    *(r"\phantom{<b>secret</b>}", r"\hspace{-999px}x", r"\rule{9999px}{9999px}", r"\kern-99em x"),
    *(r"x^{&#60;img src=x onerror=alert(1)&#62;}", r"&lt;script&gt;alert(1)&lt;/script&gt;"),
    *(r"\&lt;img\, src=x\&gt;", r"<mglyph><style><img src=x onerror=alert(1)>", r"\sqrt[<b>]{x}"),
    *("<annotation-xml encoding='text/html'><img src=x onerror=alert(1)></annotation-xml>",),
    *("a]]><![CDATA[<script>alert(1)</script>", r"\text{a}<!-- b -->", r"\mathvariant{x}"),
)
ENDLESS = {
    "fractions": r"\frac{1}{" * 180 + "x" + "}" * 180,
    "groups": "{" * 990 + "x" + "}" * 990,
    "roots": r"\sqrt{" * 320 + "x" + "}" * 320,
    "powers": "x^{" * 600 + "y" + "}" * 600,
    "brackets": r"\left(" * 160 + "x" + r"\right)" * 160,
    "an open end": r"\frac{" * 330,
    "cells": r"\begin{matrix}" + "&" * 900 + r"\\" * 400 + r"\end{matrix}",
    "primes": "x" + "'" * 1900,
    "limits": r"\sum_{a}^{b}" * 160,
    "overs": r"\overline{" * 190 + "x" + "}" * 190,
    "a long one": "x + " * 5_000 + "y",
}


def written(formula: str) -> list[str]:
    """In each of the ways in which a text may hold it."""
    return [rf"so \({formula}\) holds", rf"\[{formula}\]", f"$${formula}$$", f"see ${formula}$."]
