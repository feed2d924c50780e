// What every slide draws with. A slide is a function of the stage's SVG, 1600 × 760, and its data; it returns a function
// that shows it at a position: 0 is the pre-trained model, t the end of step t. Texts are set as text, never as markup.
const WIDTH = 1600;
const HEIGHT = 760;
const LEARNING = 0.7; // share of a step that its iterations take; the rest evaluates
const svgNames = "http://www.w3.org/2000/svg";

function draw(parent, kind, attributes = {}, text = null) {
  const element = document.createElementNS(svgNames, kind);
  change(element, attributes);
  if (text !== null) element.textContent = text;
  parent.append(element);
  return element;
}

function change(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
}

function shorten(text, most) {
  const letters = [...text];
  return letters.length <= most ? text : `${letters.slice(0, most - 1).join("")}…`;
}

const number = (value, digits = 1) => value.toFixed(digits).replace("-", "−");
const signed = (value, digits = 1) => (value > 0 ? "+" : "") + number(value, digits);
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const between = (a, b, share) => a + (b - a) * share;

// The colour at a share (0…1) of a scale of #rrggbb colours at these stops.
function scaled(share, colours, stops) {
  const at = clamp(share, 0, 1);
  const above = Math.max(1, stops.findIndex((stop) => stop >= at));
  const part = (at - stops[above - 1]) / (stops[above] - stops[above - 1]);
  const [low, high] = [colours[above - 1], colours[above]].map((colour) =>
    [1, 3, 5].map((start) => parseInt(colour.slice(start, start + 2), 16)));
  return `rgb(${low.map((value, channel) => Math.round(between(value, high[channel], part))).join(",")})`;
}

// Heights of labels near those wanted, at least `gap` apart, within `low`…`high`.
function apart(wanted, gap, low, high) {
  const order = wanted.map((_, index) => index).sort((a, b) => wanted[a] - wanted[b]);
  const placed = [];
  for (const index of order) placed.push(Math.max(wanted[index], placed.length ? placed.at(-1) + gap : low));
  for (let k = placed.length - 1, most = high; k >= 0; k -= 1, most = placed[k + 1] - gap) {
    placed[k] = Math.min(placed[k], most);
  }
  const found = [];
  order.forEach((index, k) => { found[index] = placed[k]; });
  return found;
}

// Round numbers along an axis from `low` to `high`, about five.
function ticks(low, high) {
  const raw = (high - low) / 5 || 1;
  const size = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((factor) => factor * size).find((each) => each >= raw);
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step / 1e6; value += step) found.push(value);
  return found;
}

// The accuracy of a task at a position, between two steps in between; null where it was not evaluated.
function accuracyAt(matrix, task, position) {
  const before = Math.floor(position);
  const [a, b] = [matrix[before]?.[task], matrix[Math.min(before + 1, matrix.length - 1)]?.[task]];
  if (a == null) return null;
  return b == null ? a : between(a, b, position - before);
}
