"use strict";
// Draws every chart in the look of the screen, anew when that changes, and light on paper, as wide as a page.
const PAPER = 688; // pixels between the margins of A4 upright, see @page
const charts = [...document.querySelectorAll(".chart")];
const figures = JSON.parse(document.getElementById("figures").textContent);
const night = matchMedia("(prefers-color-scheme: dark)");

function look(figure, dark) {
  const copy = structuredClone(figure.light);
  if (dark) {
    for (const [path, value] of figure.dark) {
      const last = path.at(-1);
      path.slice(0, -1).reduce((part, key) => part[key], copy)[last] = value;
    }
  }
  return copy;
}

function draw(dark, width) {
  charts.forEach((place, index) => {
    const { data, layout } = look(figures[index], dark);
    layout.autosize = width === undefined;
    layout.width = width;
    layout.datarevision = `${dark}-${width}`;
    Plotly.react(place, data, layout, { ...figures[index].config, responsive: width === undefined });
  });
}

draw(night.matches);
night.addEventListener("change", () => draw(night.matches));
addEventListener("beforeprint", () => draw(false, PAPER));
addEventListener("afterprint", () => draw(night.matches));
