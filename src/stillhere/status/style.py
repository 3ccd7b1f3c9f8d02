"""How the pages look: one sheet of style, within the page, for phones, paper and the dark."""

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --soft: #586069; --rule: #d0d7de;
  --box: #f6f8fa; --good: #116329; --warn: #953800; --bad: #a40e26;
  --s0: #6639ba; --s1: #0550ae; --s2: #953800; --s3: #116329; --s4: #a40e26; --s5: #57606a; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --paper: #0d1117; --soft: #9da7b1;
  --rule: #3d444d; --box: #161b22; --good: #56d364; --warn: #f0883e; --bad: #ff7b72;
  --s0: #bc8cff; --s1: #79c0ff; --s2: #f0883e; --s3: #56d364; --s4: #ff7b72; --s5: #9da7b1; } }
* { box-sizing: border-box; }
html { font: 100%/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
body { max-width: 46rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.05rem; margin: 0; color: var(--soft); font-weight: 600; }
h2 { font-size: 1.25rem; margin: 2rem 0 .5rem; line-height: 1.3; }
h3 { font-size: 1rem; margin: 1.25rem 0 .25rem; }
p { margin: .5rem 0; }
.headline { font-size: 1.6rem; line-height: 1.25; font-weight: 700; margin: .5rem 0; }
.age, .soft { color: var(--soft); }
.box { background: var(--box); border: 1px solid var(--rule); border-left: .35rem solid var(--rule);
  border-radius: .4rem; padding: .75rem 1rem; margin: 1rem 0; }
.box.open { border-left-color: var(--warn); }
.box.over { border-left-color: var(--good); }
.box h2 { margin-top: 0; }
.missed { color: var(--bad); font-weight: 700; }
.good { color: var(--good); }
.bad { color: var(--bad); }
meter { width: 100%; height: 1.1rem; }
dl { display: grid; grid-template-columns: minmax(7rem, max-content) 1fr; gap: .25rem 1rem;
  margin: .5rem 0; }
dt { color: var(--soft); }
dd { margin: 0; }
dd ul { margin: 0; padding-left: 1.1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums;
  margin: .5rem 0; }
caption { text-align: left; color: var(--soft); padding: .25rem 0; }
th, td { border-bottom: 1px solid var(--rule); padding: .35rem .6rem .35rem 0; text-align: left;
  vertical-align: top; overflow-wrap: normal; }
th.n, td.n { text-align: right; }
thead th { font-weight: 600; }
tbody th { font-weight: 400; }
ol.updates { list-style: none; margin: 0; padding: 0; }
ol.updates > li { border-top: 1px solid var(--rule); padding: .6rem 0; }
.picture { width: 100%; max-width: 36rem; height: auto; display: block; margin: .5rem 0; }
figcaption { color: var(--soft); font-size: .9rem; }
.picture text { font-size: 12px; fill: var(--soft); font-family: system-ui, sans-serif; }
.picture .grid { stroke: var(--rule); stroke-width: 1; }
.picture .now { stroke: var(--soft); stroke-width: 1; stroke-dasharray: 3 3; }
.stage { fill: none; stroke-width: 2.5; stroke-linejoin: round; }
.band { stroke: none; opacity: .28; }
.past { opacity: .14; }
figure { margin: 0; }
summary { cursor: pointer; padding: .4rem 0; }
.s0.stage { stroke: var(--s0); } .s0.band { fill: var(--s0); }
.s1.stage { stroke: var(--s1); } .s1.band { fill: var(--s1); }
.s2.stage { stroke: var(--s2); } .s2.band { fill: var(--s2); }
.s3.stage { stroke: var(--s3); } .s3.band { fill: var(--s3); }
.s4.stage { stroke: var(--s4); } .s4.band { fill: var(--s4); }
.s5.stage { stroke: var(--s5); } .s5.band { fill: var(--s5); }
.proving.stage { stroke-dasharray: 6 4; stroke-width: 2; }
code { font-size: .85em; overflow-wrap: anywhere; }
a { color: inherit; }
footer { margin-top: 2.5rem; border-top: 1px solid var(--rule); font-size: .9rem; }
@media (max-width: 30rem) { th, td { padding-right: .4rem; font-size: .85rem; }
  dl { grid-template-columns: 5.5rem 1fr; } .headline { font-size: 1.35rem; }
  .picture text { font-size: 14px; } }
@media print { body { max-width: none; } }
"""
