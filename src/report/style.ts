/** Muted ground and ink; saturated colour only for what is abnormal, and never colour alone. */
export const style = `
:root{color-scheme:light dark;--ground:#eceef0;--card:#f8f9fa;--ink:#1d2429;--soft:#56626b;--line:#c9d0d5;--bad:#b3261e;--warn:#8a5a00;--good:#2f5d3a;
--actual:#1f4e79;--band:rgba(31,78,121,.18);--target:#b3261e;--baseline:#5b6770;--shade:rgba(90,103,112,.12);--focus:#0b57d0}
@media (prefers-color-scheme:dark){:root{--ground:#15191c;--card:#1e2428;--ink:#e4e9ec;--soft:#a3b0b8;--line:#3a444b;--bad:#ff8a80;--warn:#e8b75b;--good:#8fcb9d;
--actual:#8ec1f0;--band:rgba(142,193,240,.22);--target:#ff8a80;--baseline:#9aa7af;--shade:rgba(154,167,175,.14);--focus:#a8c7fa}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;font-variant-numeric:tabular-nums}
main,header,footer{max-width:1120px;margin:0 auto;padding:0 20px}
header{padding-top:28px}
h1{font-size:1.5rem;line-height:1.25;margin:0 0 4px;overflow-wrap:anywhere}
h2{font-size:1.1rem;margin:0 0 10px}
h3{font-size:1rem;margin:16px 0 6px}
p{margin:0 0 8px;max-width:78ch}
a{color:inherit}
a:focus-visible,summary:focus-visible,.scroll:focus-visible{outline:3px solid var(--focus);outline-offset:2px}
.soft{color:var(--soft)}
.bad{color:var(--bad);font-weight:600}.warn{color:var(--warn);font-weight:600}.good{color:var(--good);font-weight:600}
section,figure{background:var(--card);border:1px solid var(--line);border-radius:6px;margin:16px 0;padding:16px 18px}
figure{margin:0 0 16px}
section figure{border:0;padding:0;margin:0 0 8px}
figcaption{margin-bottom:8px;max-width:78ch}
.facts{display:grid;grid-template-columns:repeat(auto-fill,minmax(150px,1fr));gap:10px 18px;margin:0 0 14px}
.facts div{min-width:0}
.facts dt{color:var(--soft);font-size:.85rem}
.facts dd{margin:0;font-size:1.15rem;font-weight:600;overflow-wrap:anywhere}
.facts dd small{display:block;font-size:.82rem;font-weight:400;color:var(--soft)}
.plot{width:100%;min-height:60px}
.scroll{overflow-x:auto;max-width:100%;margin:0 0 12px}
table{border-collapse:collapse;width:100%;font-size:.9rem}
caption{text-align:left;color:var(--soft);padding-bottom:4px}
th,td{padding:4px 10px 4px 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}
th{font-weight:600;white-space:nowrap}
td.n,th.n{text-align:right;white-space:nowrap}
summary{cursor:pointer;padding:4px 0;min-height:28px}
pre{overflow-x:auto;background:var(--ground);border:1px solid var(--line);border-radius:4px;padding:10px;font-size:.82rem;margin:0 0 10px}
code{overflow-wrap:anywhere}
.key{display:flex;flex-wrap:wrap;gap:4px 18px;margin:0 0 6px;padding:0;list-style:none;font-size:.88rem}
.key span{display:inline-block;width:26px;height:0;border-top:3px solid;vertical-align:middle;margin-right:6px}
.key .band{height:12px;border:0;background:var(--band)}
.key .dash{border-top-style:dashed}
.key .dot{border-top-style:dotted}
footer{padding-bottom:40px;font-size:.88rem}
.u-legend{font-size:.85rem}
.banded .u-series:nth-child(2),.banded .u-series:nth-child(3){display:none}
@media (max-width:520px){main,header,footer{padding-left:12px;padding-right:12px}section{padding:12px}.facts{grid-template-columns:1fr 1fr}}
@media (forced-colors:active){.key .band{border:1px solid CanvasText}}
@media print{:root{color-scheme:light;--ground:#fff;--card:#fff;--ink:#000;--soft:#444;--line:#bbb;--bad:#a00000;--warn:#704800;--good:#1e4a28;--actual:#1f4e79;--band:rgba(31,78,121,.18);--target:#a00000;--baseline:#555;--shade:rgba(0,0,0,.06)}
body{font-size:10.5pt}section,figure,tr{break-inside:avoid}section{border-color:#bbb}.long{break-inside:auto}.scroll{overflow:visible}details.plotted,.u-legend{display:none!important}table{font-size:8pt}th{white-space:normal}th,td{padding:2px 5px 2px 0}header,main,footer{max-width:none;padding:0}
.plot{max-width:100%;overflow:hidden}}
`
