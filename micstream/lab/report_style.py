"""Style sheet of the lab's report: light and dark, wide and narrow, on screen and on paper."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root {
  color-scheme: light dark;
  --paper: #ffffff; --raised: #f5f7f9; --ink: #1b2027; --soft: #566070; --rule: #d8dde3;
  --good: #17692f; --fair: #7a5000; --bad: #b3261e; --none: #4a5361;
  --band-good: #cfead6; --band-fair: #fbecc8; --band-bad: #f8dcd9;
  --wave: #9aa5b4; --level: #f6d9ae; --level-line: #a65a00; --mouth: #0a5fc0;
  --shut: #e9c3e6; --closes: #7d1a78; --bar: #3f6ea8;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171c; --raised: #1d2229; --ink: #e7eaee; --soft: #a6b0bd; --rule: #363e49;
    --good: #7fdc97; --fair: #f2c667; --bad: #ff9d94; --none: #bcc5d0;
    --band-good: #1d3f28; --band-fair: #463a18; --band-bad: #4b2522;
    --wave: #6c7888; --level: #4d3a1e; --level-line: #e0a04d; --mouth: #6db3ff;
    --shut: #4f2b55; --closes: #eda6ea; --bar: #7fb0ea;
  }
}
@media print {
  :root {
    color-scheme: light;
    --paper: #ffffff; --raised: #f5f7f9; --ink: #000000; --soft: #444b55; --rule: #c4cad1;
    --good: #17692f; --fair: #7a5000; --bad: #b3261e; --none: #4a5361;
    --band-good: #cfead6; --band-fair: #fbecc8; --band-bad: #f8dcd9;
    --wave: #9aa5b4; --level: #f6d9ae; --level-line: #a65a00; --mouth: #0a5fc0;
    --shut: #e9c3e6; --closes: #7d1a78; --bar: #3f6ea8;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0 auto; padding: 1.5rem 1.25rem 4rem; max-width: 68rem;
  background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
  overflow-wrap: anywhere;
}
h1, h2, h3, p, figure, dl { margin: 0; }
h1 { font-size: clamp(2.4rem, 8vw, 3.6rem); line-height: 1.05; margin: .1rem 0 .4rem; }
h2 { font-size: 1.35rem; margin: 2.75rem 0 .6rem; }
.of { color: var(--soft); }
.lead { font-size: 1.25rem; line-height: 1.4; margin-bottom: .3rem; }
.note { color: var(--soft); font-size: .9rem; margin: .4rem 0; max-width: 46rem; }
.good { color: var(--good); } .acceptable { color: var(--fair); }
.bad { color: var(--bad); } .undecided { color: var(--none); }
.fit { display: block; width: 100%; max-width: 52rem; height: auto; margin: .75rem 0; }
.wide { overflow-x: auto; max-width: 100%; margin: .5rem 0; }
.wide:focus-visible, summary:focus-visible, a:focus-visible {
  outline: 3px solid var(--mouth); outline-offset: 2px;
}
.drawn { display: block; max-width: none; margin: 0 0 .25rem; }
table { border-collapse: collapse; width: 100%; font-size: .95rem; }
th, td { text-align: left; vertical-align: top; padding: .4rem .9rem .4rem 0; }
thead th { color: var(--soft); font-weight: 600; border-bottom: 2px solid var(--rule); }
tbody tr { border-bottom: 1px solid var(--rule); }
tbody th { font-weight: 600; }
td.value { white-space: nowrap; font-variant-numeric: tabular-nums; }
.none { color: var(--soft); font-style: italic; }
.many th, .many td { white-space: nowrap; overflow-wrap: normal; }
.many thead th { white-space: normal; vertical-align: bottom; }
.many td { font-variant-numeric: tabular-nums; }
.many td.why { white-space: normal; min-width: 16rem; }
a { color: var(--mouth); }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; padding: 0;
  margin: .25rem 0; font-size: .875rem; color: var(--soft); }
.legend svg { width: 1.5rem; height: .8rem; margin-right: .4rem; vertical-align: -.05rem; }
details { border: 1px solid var(--rule); border-radius: .5rem; margin: .6rem 0;
  background: var(--raised); }
summary { padding: .6rem .8rem; cursor: pointer; }
summary .item { font-weight: 600; margin-right: .6rem; }
summary .facts { color: var(--soft); font-size: .9rem; margin-left: .6rem; }
.within { padding: 0 .8rem .8rem; }
.facts-list { display: grid; grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr));
  gap: .4rem 1rem; margin: .5rem 0; }
.facts-list dt { color: var(--soft); font-size: .82rem; }
.facts-list dd { margin: 0; font-variant-numeric: tabular-nums; }
.about { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.25rem; }
.about dt { color: var(--soft); } .about dd { margin: 0; }
svg text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
  fill: var(--ink); }
svg .tick, svg .side, svg .lane { fill: var(--soft); }
svg .lane { font-size: 11px; }
svg .now { font-weight: 700; font-size: 15px; }
svg .sign { font-size: 11px; } svg .sign.closes { fill: var(--closes); font-weight: 700; }
.band-good { fill: var(--band-good); }
.band-fair { fill: var(--band-fair); } .band-bad { fill: var(--band-bad); }
.grid { stroke: var(--rule); fill: none; stroke-width: .6; }
.axis { stroke: var(--soft); fill: none; }
.nought { stroke: var(--ink); stroke-width: 1.2; fill: none; }
.bracket { stroke: var(--soft); fill: none; } .dashed { stroke-dasharray: 5 4; }
.between { stroke: var(--ink); stroke-width: 6; fill: none; opacity: .55; }
.needle { fill: var(--ink); stroke: var(--ink); stroke-width: 2; }
.bars { stroke: var(--bar); stroke-width: 1.6; fill: none; opacity: .7; }
.dot { fill: var(--bar); stroke: var(--paper); stroke-width: .8; }
.drift { stroke: var(--closes); stroke-width: 2; stroke-dasharray: 8 5; fill: none; }
.bar { fill: var(--bar); }
.ground { fill: var(--paper); } .wave { fill: var(--wave); }
.level { fill: var(--level); } .mouth, .level-line { fill: none; stroke-linejoin: round; }
.level-line { stroke: var(--level-line); stroke-width: 1; stroke-dasharray: 3 2; }
.mouth { stroke: var(--mouth); stroke-width: 2; }
.shut { fill: var(--shut); opacity: .75; }
.said { fill: none; stroke: var(--rule); }
.said.closes { fill: var(--shut); stroke: var(--closes); }
.at { stroke: var(--ink); stroke-width: 1; fill: none; stroke-dasharray: 2 3; }
@media (max-width: 40rem) {
  body { padding: 1rem .9rem 3rem; }
  .fit text { font-size: 21px; } .fit .now { font-size: 25px; }
  .figures, .figures tbody, .figures tr, .figures td, .figures tbody th { display: block; }
  .figures thead { position: absolute; width: 1px; height: 1px; overflow: hidden;
    clip-path: inset(50%); }
  .figures tr { display: grid; grid-template-columns: 1fr auto; padding: .45rem 0; }
  .figures th, .figures td { padding: 0; }
  .figures td.means { grid-column: 1 / -1; color: var(--soft); font-size: .875rem; }
}
@media print {
  body { padding: 0; max-width: none; font-size: 10pt; }
  h2 { break-after: avoid; }
  tr, figure, .fit, .drawn { break-inside: avoid; }
  details { background: none; }
  details::details-content { content-visibility: visible; block-size: auto; }
  .wide { overflow: visible; }
  .drawn { max-width: 100%; height: auto; }
  .many { font-size: .66rem; }
  .many th, .many td { white-space: normal; overflow-wrap: normal; padding: .2rem .35rem .2rem 0; }
  .band-good, .band-fair, .band-bad, .shut, .level, .wave, .bar {
    print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""
