// Slides of curves: the accuracy of every task along the merge, and the losses of its fusions.
const BOX = { left: 110, right: 1170, top: 30, bottom: 670 };

function axes(svg, colours, low, high, right) {
  const marks = ticks(low, high);
  const digits = Math.max(0, -Math.floor(Math.log10((marks[1] ?? 1) - marks[0]) + 1e-9));
  const y = (value) => between(BOX.bottom, BOX.top, (value - low) / (high - low));
  for (const value of marks) {
    draw(svg, "line", { x1: BOX.left, x2: right, y1: y(value), y2: y(value), stroke: colours.line, "stroke-width": 2 });
    draw(svg, "text", { x: BOX.left - 16, y: y(value) + 9, "text-anchor": "end", class: "minor" }, number(value, digits));
  }
  return y;
}

function curvesSlide(svg, slide, { tasks, steps, colours }) {
  const y = axes(svg, colours, 0, 100, BOX.right);
  const x = (step) => between(BOX.left + 20, BOX.right - 20, step / steps);
  for (let step = 0; step <= steps; step += 1) {
    draw(svg, "text", { x: x(step), y: BOX.bottom + 38, "text-anchor": "middle", class: "minor" }, step);
  }
  draw(svg, "text", { x: (BOX.left + BOX.right) / 2, y: BOX.bottom + 80, "text-anchor": "middle", class: "minor" }, "Tasks merged");
  for (const level of slide.levels) {
    const at = y(level.value);
    draw(svg, "line", { x1: BOX.left, x2: BOX.right, y1: at, y2: at, stroke: colours.grey, "stroke-width": 3, "stroke-dasharray": "3 8" });
    draw(svg, "text", { x: BOX.left + 8, y: at - 10, class: "minor" }, `${level.name} ${number(level.value)}%`);
  }
  const size = Math.min(26, 560 / (tasks.length + 1));
  const lines = tasks.map((task, index) => {
    const dotted = draw(svg, "path", { fill: "none", stroke: colours.grey, "stroke-width": 2, "stroke-dasharray": "2 7", opacity: 0.7 });
    const line = draw(svg, "path", { fill: "none", stroke: task.colour, "stroke-width": 5, "stroke-linejoin": "round" });
    const dot = draw(svg, "circle", { r: 9, fill: task.colour });
    const label = draw(svg, "text", { x: BOX.right + 24, fill: task.colour, style: `font-size:${size}px`, class: "name" });
    return { name: shorten(task.name, 20), index, dotted, line, dot, label };
  });
  const mean = draw(svg, "path", { fill: "none", stroke: colours.ink, "stroke-width": 7, "stroke-dasharray": "20 12", opacity: 0.75 });
  const meanLabel = draw(svg, "text", { x: BOX.right + 24, fill: colours.ink, style: `font-size:${size}px`, class: "name strong" });

  const path = (task, from, to) => {
    const points = [];
    for (let step = Math.ceil(from); step <= to; step += 1) {
      const value = slide.matrix[step]?.[task];
      if (value != null) points.push([step, value]);
    }
    const last = accuracyAt(slide.matrix, task, to);
    if (last !== null && to >= from && to % 1) points.push([to, last]);
    return points.map(([step, value], k) => `${k ? "L" : "M"}${x(step).toFixed(1)} ${y(value).toFixed(1)}`).join("");
  };
  const meanAt = (position) => {
    const merged = lines.filter((line) => line.index < Math.floor(position));
    const values = merged.map((line) => accuracyAt(slide.matrix, line.index, position)).filter((value) => value !== null);
    return values.length ? values.reduce((a, b) => a + b) / values.length : null;
  };
  return (position) => {
    const labels = [];
    for (const { name, index, dotted, line, dot, label } of lines) {
      const there = position >= index + 1;
      change(dotted, { d: path(index, 0, Math.min(position, index + 1)) });
      change(line, { d: there ? path(index, index + 1, position) : "" });
      const value = there ? accuracyAt(slide.matrix, index, position) : null;
      for (const part of [dot, label]) part.style.display = value === null ? "none" : "";
      if (value === null) continue;
      change(dot, { cx: x(position), cy: y(value) });
      label.textContent = `${name} ${number(value)}`;
      labels.push([label, y(value)]);
    }
    const means = [];
    for (let step = 1; step <= position; step += 1) means.push([step, meanAt(step)]);
    if (position > 1 && position % 1) means.push([position, meanAt(position)]);
    const known = means.filter(([, value]) => value !== null);
    change(mean, { d: known.map(([step, value], k) => `${k ? "L" : "M"}${x(step).toFixed(1)} ${y(value).toFixed(1)}`).join("") });
    meanLabel.style.display = known.length ? "" : "none";
    if (known.length) {
      meanLabel.textContent = `Mean ${number(known.at(-1)[1])}`;
      labels.push([meanLabel, y(known.at(-1)[1])]);
    }
    apart(labels.map(([, at]) => at), size * 1.15, BOX.top + 10, BOX.bottom).forEach((at, k) => change(labels[k][0], { y: at + 8 }));
  };
}

function lossesSlide(svg, slide, { tasks, steps, colours }) {
  const box = { left: BOX.left, right: WIDTH - 40 };
  const fusions = Object.keys(slide.fusions).map(Number).sort((a, b) => a - b);
  const values = fusions.flatMap((step) => [...slide.fusions[step].pre, ...slide.fusions[step].post]).filter((value) => value !== null);
  const y = axes(svg, colours, Math.min(0, ...values), 1.08 * Math.max(...values) || 1, box.right);
  const [first, count] = [fusions[0], steps - fusions[0] + 1];
  const x = (step, iteration) => between(box.left, box.right, (step - first + iteration / slide.iterations) / count);
  for (let step = first; step <= steps; step += 1) {
    draw(svg, "line", { x1: x(step, 0), x2: x(step, 0), y1: BOX.top, y2: BOX.bottom, stroke: colours.line, "stroke-width": 2 });
    const name = shorten(tasks[step - 1].name, Math.max(6, Math.floor(110 / count)));
    draw(svg, "text", { x: x(step, slide.iterations / 2), y: BOX.bottom + 38, "text-anchor": "middle", class: count > 12 ? "tiny" : "minor" }, name);
  }
  draw(svg, "text", { x: (box.left + box.right) / 2, y: BOX.bottom + 80, "text-anchor": "middle", class: "minor" },
    `Iterations, ${slide.iterations} for each incoming task`);
  const sides = [["pre", "towards what was merged", colours.pre], ["post", "towards the incoming task", colours.post]].map(
    ([side, name, colour], k) => {
      draw(svg, "rect", { x: box.left + 30 + 480 * k, y: BOX.top - 26, width: 40, height: 10, fill: colour });
      const label = draw(svg, "text", { x: box.left + 84 + 480 * k, y: BOX.top - 12, class: "minor" });
      const line = draw(svg, "path", { fill: "none", stroke: colour, "stroke-width": 4, "stroke-linejoin": "round" });
      return { side, name, label, line };
    });
  return (position) => {
    const [step, part] = [Math.floor(position) + 1, Math.min(1, (position % 1) / LEARNING)];
    for (const { side, name, label, line } of sides) {
      let path = "";
      let last = null;
      for (const fusion of fusions.filter((each) => each <= step)) {
        const curve = slide.fusions[fusion][side];
        const shown = fusion < step ? curve.length : Math.floor(curve.length * part);
        let begun = false;
        curve.slice(0, shown).forEach((value, k) => {
          if (value === null) return;
          path += `${begun ? "L" : "M"}${x(fusion, k + 1).toFixed(1)} ${y(value).toFixed(1)}`;
          begun = true;
          last = value;
        });
      }
      change(line, { d: path });
      label.textContent = last === null ? name : `${name}: ${last.toPrecision(3)}`;
    }
  };
}
