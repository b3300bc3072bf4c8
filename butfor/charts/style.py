"""The style sheet of a report: system fonts, light and dark, screen and paper."""

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --muted: #57606a; --line: #d5dae0; --paper: #f6f7f9;
  --card: #ffffff; --accent: #0b5cad; }
@media (prefers-color-scheme: dark) { :root { --ink: #e9edf1; --muted: #a3adb8; --line: #363d45;
  --paper: #14171a; --card: #1e2328; --accent: #7fb8f0; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); overflow-wrap: break-word;
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 764px; margin: 0 auto; padding: 40px 16px 64px; }
.name { margin: 0 0 8px; color: var(--muted); font-size: 14px; }
h1 { margin: 0 0 24px; font-size: clamp(23px, 4vw, 30px); line-height: 1.22; letter-spacing: -0.01em;
  font-weight: 650; text-wrap: pretty; }
h2 { margin: 0 0 8px; font-size: 20px; line-height: 1.3; }
p { margin: 0 0 12px; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(152px, 1fr)); gap: 12px; margin: 0; }
.tiles > div { display: flex; flex-direction: column; padding: 14px 16px; background: var(--card);
  border: 1px solid var(--line); border-radius: 10px; }
.tiles dt { color: var(--muted); font-size: 13px; }
.tiles dd { margin: 2px 0 0; font-size: 22px; font-weight: 650; line-height: 1.25;
  font-variant-numeric: tabular-nums; }
.tiles dd.note { font-size: 13px; font-weight: 400; color: var(--muted); }
section { margin-top: 48px; }
figure { margin: 16px 0 12px; padding: 18px 20px 14px; background: #ffffff; color: #1b1f24;
  border: 1px solid var(--line); border-radius: 10px; }
figcaption { margin-bottom: 16px; }
figcaption b { display: block; font-size: 16px; line-height: 1.35; font-weight: 650; }
.shown { display: block; margin-top: 4px; font-size: 13px; line-height: 1.4; color: #57606a; }
svg { display: block; max-width: 100%; height: auto; }
.narrow { display: none; }
details { margin: 0 0 12px; }
summary { cursor: pointer; color: var(--accent); font-size: 14px; padding: 4px 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums; }
caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
th, td { padding: 7px 12px 7px 0; text-align: left; border-bottom: 1px solid var(--line);
  vertical-align: top; }
th { font-weight: 600; }
thead th { color: var(--muted); font-weight: 500; }
.n { text-align: right; white-space: nowrap; }
.notes { color: var(--muted); font-size: 14px; }
.notes p { margin: 0 0 6px; }
footer.notes { margin-top: 48px; padding-top: 16px; border-top: 1px solid var(--line); }
@media (max-width: 720px) {
  main { padding: 24px 12px 48px; }
  section { margin-top: 36px; }
  figure { padding: 14px 14px 10px; }
  .wide { display: none; }
  .narrow { display: block; }
  .narrow svg { margin: 0 auto; }
}
@media print {
  :root { --ink: #000000; --muted: #444444; --line: #cccccc; --paper: #ffffff; --card: #ffffff; }
  main { max-width: none; padding: 0; }
  .wide { display: block; }
  .narrow { display: none; }
  figure, .tiles, tr { break-inside: avoid; }
  h2 { break-after: avoid; }
  summary { display: none; }
}
"""
