const before = {}; // where the points of a chart were drawn last: chart -> {frame, positions}
const stop = {}; // ends what an earlier run of the page began: chart -> function

export default function ({ data }) {
  stop[data.chart]?.();
  const count = data.positions.merged.length;
  const svg = "http://www.w3.org/2000/svg";
  const layer = document.createElementNS(svg, "svg");
  const card = document.createElement("img");
  card.alt = "";
  card.className = "otmf-hover";
  card.width = card.height = 96;
  Object.assign(layer.style, { position: "fixed", inset: 0, width: "100vw", height: "100vh" });
  Object.assign(card.style, { position: "fixed", borderRadius: "6px", boxShadow: "0 2px 12px #0006" });
  for (const part of [layer, card]) {
    Object.assign(part.style, { pointerEvents: "none", zIndex: 999, display: "none" });
    document.body.append(part);
  }
  const hide = () => { layer.style.display = card.style.display = "none"; };
  const onScreen = (chart, [x, y]) => {
    const box = chart.getBoundingClientRect();
    const { xaxis, yaxis } = chart._fullLayout;
    return [box.left + xaxis._offset + xaxis.d2p(x), box.top + yaxis._offset + yaxis.d2p(y)];
  };
  const show = (chart) => ({ points: [point], event }) => {
    const image = point.pointNumber;
    if (chart.calcdata[point.curveNumber].length !== count) return;
    const [start, end] = ["pre", "merged"].map((model) => onScreen(chart, data.positions[model][image]));
    const line = document.createElementNS(svg, "line");
    for (const [name, value] of Object.entries({ x1: start[0], y1: start[1], x2: end[0], y2: end[1] })) {
      line.setAttribute(name, value);
    }
    line.setAttribute("stroke", data.ink);
    line.setAttribute("stroke-width", 2);
    layer.replaceChildren(line);
    if (data.pictures.length) card.src = data.pictures[image];
    card.style.left = `${Math.min(event.clientX + 20, innerWidth - 110)}px`;
    card.style.top = `${Math.max(event.clientY - 130, 8)}px`;
    layer.style.display = "block";
    card.style.display = data.pictures.length ? "block" : "none"; // texts stand in the chart's own label
  };
  const move = (chart) => {
    const last = before[data.chart];
    before[data.chart] = { frame: data.frame, positions: data.positions };
    if (last?.frame !== data.frame || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    const { xaxis, yaxis } = chart._fullLayout;
    const traces = [...chart.querySelectorAll(".scatterlayer .trace")]
      .map((trace) => [...trace.querySelectorAll(".point")])
      .filter((dots) => dots.length === count);
    Object.keys(data.positions).forEach((model, trace) => (traces[trace] ?? []).forEach((dot, image) => {
      const [start, end] = [last.positions, data.positions].map((positions) => positions[model][image]).map(
        ([x, y]) => `translate(${xaxis.d2p(x)}px, ${yaxis.d2p(y)}px)`);
      if (start !== end) dot.animate({ transform: [start, end] }, { duration: 700, easing: "ease-in-out" });
    }));
  };
  let drawn = null;
  const look = () => {
    const chart = document.querySelector(`.st-key-${data.chart} .js-plotly-plot`);
    if (drawn && !drawn.isConnected) hide();
    if (!chart?.on || !chart.calcdata?.length || chart === drawn) return;
    drawn = chart;
    chart.on("plotly_hover", show(chart));
    chart.on("plotly_unhover", hide);
    move(chart);
  };
  const timer = setInterval(look, 60);
  look();
  stop[data.chart] = () => { clearInterval(timer); layer.remove(); card.remove(); };
  return stop[data.chart];
}
