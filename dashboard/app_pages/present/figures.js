// The other slides: title, what was forgotten, features, and what was reached.
function titleSlide(svg, slide, { tasks, colours }) {
  draw(svg, "text", { x: 40, y: 110, class: "title" }, shorten(slide.title, 44));
  draw(svg, "text", { x: 42, y: 176, class: "subtitle" }, `${shorten(slide.library, 40)}, ${slide.how}`);
  const columns = tasks.length > 10 ? 4 : tasks.length > 4 ? 2 : 1;
  const rows = Math.ceil(tasks.length / columns);
  const [width, height] = [(WIDTH - 80) / columns, Math.min(74, 390 / rows)];
  const size = Math.min(38, height * 0.55, width / 14);
  const names = tasks.map((task, index) => {
    const [x, y] = [42 + Math.floor(index / rows) * width, 270 + (index % rows) * height];
    draw(svg, "circle", { cx: x + 12, cy: y - size * 0.32, r: size * 0.34, fill: task.colour });
    return draw(svg, "text", { x: x + 40, y, style: `font-size:${size}px` }, `${index + 1} · ${shorten(task.name, 22)}`);
  });
  const half = Math.ceil(slide.protocol.length / 2);
  [slide.protocol.slice(0, half), slide.protocol.slice(half)].forEach((facts, line) => {
    draw(svg, "text", { x: 42, y: HEIGHT - 62 + 36 * line, class: "protocol", fill: colours.grey }, shorten(facts.join(" · "), 130));
  });
  return (position) => names.forEach((name, index) => { name.style.opacity = position === 0 || position >= index + 1 ? 1 : 0.35; });
}

function forgettingSlide(svg, slide, { tasks, steps, colours }) {
  const [left, right, top] = [330, 1200, 40];
  const height = (HEIGHT - top - 90) / tasks.length;
  const x = (value) => between(left, right, value / 100);
  const size = Math.min(28, height * 0.7);
  for (const value of ticks(0, 100)) {
    draw(svg, "line", { x1: x(value), x2: x(value), y1: top - 20, y2: HEIGHT - 80, stroke: colours.line, "stroke-width": 2 });
    draw(svg, "text", { x: x(value), y: HEIGHT - 42, "text-anchor": "middle", class: "minor" }, value);
  }
  const marks = tasks.map((task, index) => {
    const y = top + (index + 0.5) * height;
    draw(svg, "text", { x: left - 18, y: y + size * 0.35, "text-anchor": "end", style: `font-size:${size}px` }, shorten(task.name, 20));
    const group = draw(svg, "g");
    const line = draw(group, "line", { y1: y, y2: y, stroke: task.colour, "stroke-width": Math.min(8, height * 0.25) });
    const radius = Math.min(13, height * 0.34);
    draw(group, "circle", { cx: x(slide.matrix[index + 1]?.[index] ?? 0), cy: y, r: radius, fill: colours.background, stroke: task.colour, "stroke-width": 4 });
    const now = draw(group, "circle", { cy: y, r: radius, fill: task.colour });
    return { index, group, line, now, start: slide.matrix[index + 1]?.[index] };
  });
  draw(svg, "text", { x: 1260, y: 220, class: "subtitle" }, "BWT so far, points");
  const bwt = draw(svg, "text", { x: 1256, y: 340, class: "huge" });
  const [lost, which] = [420, 460].map((y) => draw(svg, "text", { x: 1260, y, class: "minor" }));
  return (position) => {
    let worst = null;
    for (const { index, group, line, now, start } of marks) {
      const value = position >= index + 1 ? accuracyAt(slide.matrix, index, position) : null;
      group.style.display = value === null || start == null ? "none" : "";
      if (value === null || start == null) continue;
      change(line, { x1: x(start), x2: x(value) });
      change(now, { cx: x(value) });
      if (value - start < (worst?.change ?? -0.05)) worst = { change: value - start, name: tasks[index].name };
    }
    const known = slide.bwt[Math.min(steps, Math.floor(position + 1e-9))];
    bwt.textContent = known == null ? "–" : signed(known);
    lost.textContent = worst ? "most was lost of" : "";
    which.textContent = worst ? `${shorten(worst.name, 20)}: ${signed(worst.change)}` : "";
  };
}

function featuresSlide(svg, slide, { steps, colours, palette }) {
  const [left, right, top, bottom] = [60, 1140, 20, HEIGHT - 30];
  const place = ([a, b]) => [between(left + 20, right - 20, a), between(bottom - 20, top + 20, b)];
  draw(svg, "rect", { x: left, y: top, width: right - left, height: bottom - top, fill: "none", stroke: colours.line, "stroke-width": 2 });
  const colour = (label) => palette[label % palette.length];
  slide.expert.forEach((point, k) => {
    const [x, y] = place(point);
    draw(svg, "circle", { cx: x, cy: y, r: 8, fill: "none", stroke: colour(slide.labels[k]), "stroke-width": 2.5, opacity: 0.55 });
  });
  const dots = slide.labels.map((label) => draw(svg, "circle", { r: 9, fill: colour(label), opacity: 0.9 }));
  draw(svg, "circle", { cx: 1180, cy: 40, r: 9, fill: colours.grey });
  draw(svg, "text", { x: 1206, y: 49, class: "minor" }, "merged model");
  draw(svg, "circle", { cx: 1180, cy: 84, r: 8, fill: "none", stroke: colours.grey, "stroke-width": 2.5 });
  draw(svg, "text", { x: 1206, y: 93, class: "minor" }, "fine-tuned model");
  const shown = [...new Set(slide.labels)].sort((a, b) => a - b).slice(0, 16);
  shown.forEach((label, k) => {
    draw(svg, "rect", { x: 1170, y: 136 + 36 * k, width: 20, height: 20, rx: 4, fill: colour(label) });
    draw(svg, "text", { x: 1206, y: 154 + 36 * k, class: "minor" }, shorten(slide.classes[label] ?? "", 24));
  });
  return (position) => {
    const at = clamp(position, 1, steps);
    const [before, after] = [Math.floor(at), Math.min(steps, Math.floor(at) + 1)];
    const eased = (1 - Math.cos(Math.PI * (at - before))) / 2;
    dots.forEach((dot, k) => {
      const [a, b] = [slide.merged[before - 1][k], slide.merged[after - 1][k]];
      const [x, y] = place([between(a[0], b[0], eased), between(a[1], b[1], eased)]);
      change(dot, { cx: x.toFixed(1), cy: y.toFixed(1) });
    });
  };
}

function finalSlide(svg, slide, { colours }) {
  const height = 440 / slide.bars.length;
  const x = (value) => between(400, 1400, Math.max(0, value) / 100);
  slide.bars.forEach((bar, k) => {
    const y = 30 + k * height;
    const fill = bar.own ? colours.post : colours.line;
    draw(svg, "text", { x: 376, y: y + height / 2 + 12, "text-anchor": "end", class: bar.own ? "subtitle strong" : "subtitle" }, bar.name);
    draw(svg, "rect", { x: 400, y: y + 10, width: x(bar.value) - 400, height: height - 24, rx: 8, fill, class: "grows" });
    draw(svg, "text", { x: x(bar.value) + 22, y: y + height / 2 + 16, class: "figure" }, `${number(bar.value)}%`);
  });
  const width = (WIDTH - 80) / Math.max(1, slide.metrics.length);
  slide.metrics.forEach(([name, value, unit], k) => {
    draw(svg, "text", { x: 44 + k * width, y: 570, class: "subtitle" }, name);
    const text = name === "BWT" || name === "FWT" ? signed(value) : number(value);
    draw(svg, "text", { x: 44 + k * width, y: 650, class: "figure" }, text + unit);
  });
  return () => {};
}
