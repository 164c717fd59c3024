"""The page that shows the regions of a plane in a browser: one file, no network, no libraries.

`$DATA` and `$TITLE` are replaced by `regions.drawing.html`.
"""

PAGE = r"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$TITLE</title>
<style>
:root { color-scheme: light dark; }
body { margin: 0; font: 14px/1.45 system-ui, sans-serif; background: var(--page);
  color: var(--ink); display: flex; flex-direction: column; height: 100vh; }
header { display: flex; flex-wrap: wrap; gap: .4em 1.4em; align-items: baseline;
  padding: .7em 1em; }
h1 { font-size: 1.1em; margin: 0; }
label { white-space: nowrap; }
select, button { font: inherit; color: inherit; background: var(--page); 
  border: 1px solid var(--faint); border-radius: 4px; padding: .1em .5em; }
main { flex: 1; display: flex; min-height: 0; }
#view { flex: 1; min-width: 0; position: relative; }
canvas { position: absolute; inset: 0; width: 100%; height: 100%; cursor: crosshair;
  touch-action: none; }
aside { width: 22em; box-sizing: border-box; padding: .6em 1em; overflow: auto;
  border-left: 1px solid var(--faint); }
.about { overflow-wrap: anywhere; }
dt { font-weight: 600; margin-top: .6em; }
dd { margin: 0; overflow-wrap: anywhere; }
code { font: 12px/1.4 ui-monospace, monospace; }
#key span { display: inline-block; margin-right: 1em; white-space: nowrap; }
#key i { display: inline-block; width: .9em; height: .9em; margin-right: .35em;
  vertical-align: -.1em; }
@media (max-width: 700px) { main { flex-direction: column; }
  aside { width: auto; height: 40%; border-left: 0; border-top: 1px solid var(--faint); } }
</style>
</head>
<body>
<header>
<h1>$TITLE</h1>
<label>colour <select id="colour"></select></label>
<label><input type="checkbox" id="boundary" checked> decision boundary</label>
<label>page <select id="theme"><option value="">as the system</option><option>light</option>
<option>dark</option></select></label>
<button id="home">whole picture</button>
<div id="key"></div>
</header>
<main>
<div id="view"><canvas id="canvas"></canvas></div>
<aside><div id="about" class="about"></div><dl id="facts"></dl></aside>
</main>
<script type="application/json" id="data">$DATA</script>
<script>
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const element = name => document.getElementById(name);
const canvas = element("canvas"), pen = canvas.getContext("2d");
const dark = matchMedia("(prefers-color-scheme: dark)");
let look, view, hovered = -1, fixed = -1, queued = false;

function theme() {
  const asked = element("theme").value || (dark.matches ? "dark" : "light");
  look = data.themes[asked];
  document.documentElement.style.colorScheme = asked;
  for (const name of ["page", "ink", "faint"])
    document.documentElement.style.setProperty("--" + name, look[name]);
}
function home() {
  const [left, right, bottom, top] = data.window;
  const box = canvas.getBoundingClientRect(), room = 56;
  const scale = Math.min((box.width - 2 * room) / (right - left),
                         (box.height - 2 * room) / (top - bottom));
  view = {scale, x: box.width / 2 - scale * (left + right) / 2,
          y: box.height / 2 + scale * (bottom + top) / 2};
}
const toX = x => view.x + view.scale * x, toY = y => view.y - view.scale * y;
const NEAR = 0.25;  // pixels: browsers fill polygons with nearly equal corners wrongly
function trace(points) {
  pen.beginPath();
  const near = (a, b, c, d) => Math.abs(a - c) + Math.abs(b - d) < NEAR;
  const firstX = toX(points[0]), firstY = toY(points[1]);
  let lastX = firstX, lastY = firstY;
  pen.moveTo(firstX, firstY);
  for (let k = 2; k < points.length; k += 2) {
    const x = toX(points[k]), y = toY(points[k + 1]);
    if (near(x, y, lastX, lastY) || near(x, y, firstX, firstY)) continue;
    pen.lineTo(lastX = x, lastY = y);
  }
  pen.closePath();
}
function hot(share) {
  const stops = data.map, place = Math.min(Math.max(share, 0), 1) * (stops.length - 1);
  const low = Math.min(Math.floor(place), stops.length - 2), rest = place - low;
  const mix = k => Math.round(parseInt(stops[low].slice(k, k + 2), 16) * (1 - rest)
                            + parseInt(stops[low + 1].slice(k, k + 2), 16) * rest);
  return `rgb(${mix(1)},${mix(3)},${mix(5)})`;
}
const low = data.gradients.reduce((a, b) => Math.min(a, b), Infinity);
const high = data.gradients.reduce((a, b) => Math.max(a, b), -Infinity);
const logarithmic = low > 0 && high > 50 * low;
const share = g => high > low ? (logarithmic ? Math.log(g / low) / Math.log(high / low)
                                             : (g - low) / (high - low)) : 0;
function shade(region) {
  const colour = element("colour").value;
  if (colour === "region") return look.regions[data.shades[region] % look.regions.length];
  if (colour === "gradient") return hot(share(data.gradients[region]));
  return look.page;
}
function draw() {
  queued = false;
  const box = canvas.getBoundingClientRect(), dots = devicePixelRatio || 1;
  canvas.width = Math.round(box.width * dots);
  canvas.height = Math.round(box.height * dots);
  pen.setTransform(dots, 0, 0, dots, 0, 0);
  pen.fillStyle = look.page;
  pen.fillRect(0, 0, box.width, box.height);
  const colour = element("colour").value;
  pen.lineJoin = "round";
  pen.lineWidth = 0.7;
  const fill = (points, paint) => {
    trace(points);
    pen.fillStyle = pen.strokeStyle = paint;
    pen.fill();
    pen.stroke();
  };
  if (colour === "class")
    for (const [winner, points] of data.pieces) fill(points, look.classes[winner]);
  else if (colour !== "layer")
    data.corners.forEach((points, region) => fill(points, shade(region)));
  const crowd = data.home ? Math.sqrt(data.corners.length) * data.home / view.scale : 1;
  pen.lineWidth = Math.min(Math.max(14 / crowd, 0.2), 1.1);
  if (colour === "layer") {
    pen.lineWidth = Math.max(pen.lineWidth, 0.7);
    for (let layer = look.layers.length; layer > 0; layer--) {
      pen.strokeStyle = look.layers[layer - 1];
      pen.beginPath();
      data.corners.forEach((points, region) => {
        for (let k = 0, n = points.length / 2; k < n; k++)
          if (data.edges[region][k] === layer) {
            const j = (k + 1) % n;
            pen.moveTo(toX(points[2 * k]), toY(points[2 * k + 1]));
            pen.lineTo(toX(points[2 * j]), toY(points[2 * j + 1]));
          }
      });
      pen.stroke();
    }
  } else {
    pen.strokeStyle = look.ink;
    pen.globalAlpha = colour === "region" ? 1 : 0.45;
    for (const points of data.corners) { trace(points); pen.stroke(); }
    pen.globalAlpha = 1;
  }
  if (element("boundary").checked) {
    pen.lineCap = "round";
    for (const [paint, width] of [[look.page, 4], [look.ink, 2]]) {
      pen.strokeStyle = paint;
      pen.lineWidth = width;
      pen.beginPath();
      for (const [a, b, c, d] of data.boundary) {
        pen.moveTo(toX(a), toY(b));
        pen.lineTo(toX(c), toY(d));
      }
      pen.stroke();
    }
  }
  pen.font = "13px system-ui, sans-serif";
  for (const [name, x, y] of data.marks) {
    pen.beginPath();
    pen.arc(toX(x), toY(y), 4, 0, 7);
    pen.fillStyle = look.ink;
    pen.strokeStyle = look.page;
    pen.lineWidth = 2;
    pen.stroke();
    pen.fill();
    pen.lineWidth = 3;
    pen.strokeText(name, toX(x) + 7, toY(y) - 7);
    pen.fillText(name, toX(x) + 7, toY(y) - 7);
  }
  if (hovered >= 0) {
    trace(data.corners[hovered]);
    pen.strokeStyle = look.ink;
    pen.lineWidth = 2.5;
    pen.stroke();
    pen.setLineDash([4, 4]);
    pen.strokeStyle = look.page;
    pen.lineWidth = 1.2;
    pen.stroke();
    pen.setLineDash([]);
  }
  scales(box);
}
function steps(low, high, room) {
  const raw = (high - low) / Math.max(room / 90, 1), power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find(k => k * power >= raw) * power, ticks = [];
  for (let k = Math.ceil(low / step); k * step <= high; k++) ticks.push(k * step);
  return [ticks, Math.max(0, -Math.floor(Math.log10(step) + 1e-9))];
}
function scales(box) {
  pen.fillStyle = look.page;
  pen.fillRect(0, box.height - 38, box.width, 38);
  pen.fillRect(0, 0, 52, box.height);
  pen.fillStyle = pen.strokeStyle = look.ink;
  pen.lineWidth = 1;
  pen.font = "12px system-ui, sans-serif";
  const [xs, xd] = steps((52 - view.x) / view.scale, (box.width - view.x) / view.scale, box.width);
  const [ys, yd] = steps((view.y - box.height + 38) / view.scale, view.y / view.scale, box.height);
  pen.textAlign = "center";
  for (const x of xs) {
    pen.fillRect(toX(x), box.height - 38, 1, 5);
    pen.fillText(x.toFixed(Math.min(xd, 12)), toX(x), box.height - 20);
  }
  pen.fillText(data.names[0], box.width / 2, box.height - 5);
  pen.textAlign = "right";
  for (const y of ys) {
    pen.fillRect(47, toY(y), 5, 1);
    pen.fillText(y.toFixed(Math.min(yd, 12)), 44, toY(y) + 4);
  }
  pen.save();
  pen.translate(14, box.height / 2);
  pen.rotate(-Math.PI / 2);
  pen.textAlign = "center";
  pen.fillText(data.names[1], 0, 0);
  pen.restore();
  pen.textAlign = "left";
}
function redraw() { if (!queued) { queued = true; requestAnimationFrame(draw); } }

const bounds = data.corners.map(points => {
  const box = [Infinity, -Infinity, Infinity, -Infinity];
  for (let k = 0; k < points.length; k += 2) {
    box[0] = Math.min(box[0], points[k]);
    box[1] = Math.max(box[1], points[k]);
    box[2] = Math.min(box[2], points[k + 1]);
    box[3] = Math.max(box[3], points[k + 1]);
  }
  return box;
});
function regionAt(x, y) {
  for (let region = 0; region < bounds.length; region++) {
    const [left, right, bottom, top] = bounds[region];
    if (x < left || x > right || y < bottom || y > top) continue;
    const points = data.corners[region], n = points.length;
    let inside = true;
    for (let k = 0; inside && k < n; k += 2) {
      const a = points[k], b = points[k + 1], c = points[(k + 2) % n], d = points[(k + 3) % n];
      inside = (c - a) * (y - b) - (d - b) * (x - a) >= 0;
    }
    if (inside) return region;
  }
  return -1;
}
const digits = value => Number(value.toPrecision(6)).toString();
function facts(region) {
  const list = element("facts");
  list.replaceChildren();
  if (region < 0) return;
  const add = (name, text, code) => {
    const term = document.createElement("dt"), about = document.createElement("dd");
    term.textContent = name;
    const part = code ? about.appendChild(document.createElement("code")) : about;
    part.textContent = text;
    list.append(term, about);
  };
  add("pattern", data.patterns[region].replaceAll("/", "/\u200b"), true);
  add("area", digits(data.areas[region]));
  const signed = value => (value < 0 ? " − " : " + ") + digits(Math.abs(value));
  add("affine map", data.maps[region].map((row, k) =>
    `f${data.maps[region].length > 1 ? k : ""} = ${digits(row[0])}·${data.short[0]}`
    + `${signed(row[1])}·${data.short[1]}${signed(row[2])}`).join("\n"), true);
  list.lastChild.firstChild.style.whiteSpace = "pre-wrap";
  add("norm of the gradient", digits(data.gradients[region]));
  const winner = data.whole[region];
  add("class", winner < 0 ? "the decision boundary crosses it" : String(winner));
  add("corners", String(data.corners[region].length / 2));
}
function show(region) {
  if (region === hovered) return;
  hovered = region;
  facts(region);
  redraw();
}
let last = null;
canvas.addEventListener("pointermove", event => {
  if (last && event.buttons) {
    view.x += event.offsetX - last[0];
    view.y += event.offsetY - last[1];
    last = [event.offsetX, event.offsetY];
    redraw();
  } else if (fixed < 0) {
    show(regionAt((event.offsetX - view.x) / view.scale, (view.y - event.offsetY) / view.scale));
  }
});
let pressed = null;
canvas.addEventListener("pointerdown", event => {
  canvas.setPointerCapture(event.pointerId);
  last = pressed = [event.offsetX, event.offsetY];
});
canvas.addEventListener("pointerup", event => {
  last = null;
  if (pressed && Math.hypot(event.offsetX - pressed[0], event.offsetY - pressed[1]) < 4) {
    const region = regionAt((event.offsetX - view.x) / view.scale,
                            (view.y - event.offsetY) / view.scale);
    fixed = region === fixed ? -1 : region;
    show(region);
  }
});
canvas.addEventListener("wheel", event => {
  event.preventDefault();
  const factor = Math.exp(-event.deltaY / 400);
  view.x = event.offsetX - factor * (event.offsetX - view.x);
  view.y = event.offsetY - factor * (event.offsetY - view.y);
  view.scale *= factor;
  redraw();
}, {passive: false});
canvas.addEventListener("dblclick", () => { home(); redraw(); });

function key() {
  const list = element("key"), colour = element("colour").value, entries = [];
  list.replaceChildren();
  if (colour === "class") data.winners.forEach(k => entries.push([look.classes[k], "class " + k]));
  if (colour === "layer") look.layers.forEach(
    (paint, k) => entries.push([paint, "layer " + (k + 1)]));
  if (colour === "gradient") for (const part of [0, 0.5, 1]) {
    const value = logarithmic ? low * (high / low) ** part : low + part * (high - low);
    entries.push([hot(part), Number(value.toPrecision(3)).toString()]);
  }
  for (const [paint, name] of entries) {
    const entry = list.appendChild(document.createElement("span"));
    entry.appendChild(document.createElement("i")).style.background = paint;
    entry.append(name);
  }
}
for (const [value, text] of data.colours) element("colour").add(new Option(text, value));
element("colour").value = data.colour;
element("boundary").checked = data.showBoundary;
element("theme").value = data.theme;
element("about").textContent = data.about;
const refresh = () => { theme(); key(); redraw(); };
for (const name of ["colour", "boundary", "theme"])
  element(name).addEventListener("change", refresh);
element("home").addEventListener("click", () => { home(); redraw(); });
dark.addEventListener("change", refresh);
addEventListener("resize", () => { home(); redraw(); });
home();
data.home = view.scale;
refresh();
const asked = /^#(\d+)$/.exec(location.hash);
if (asked) { fixed = Number(asked[1]); show(fixed); }
</script>
</body>
</html>
"""
