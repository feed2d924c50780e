// Slides of grids: the accuracy matrix that fills, and the mean mask of every tensor.
function matrixSlide(svg, slide, { tasks, steps, colours }) {
  const [left, top] = [330, 150];
  const [width, height] = [(WIDTH - left - 60) / tasks.length, (HEIGHT - top - 10) / (steps + 1)];
  const [names, size] = [Math.min(26, height * 0.62), Math.min(30, height * 0.6, width * 0.38)];
  tasks.forEach((task, column) => {
    const at = `translate(${left + (column + 0.5) * width} ${top - 14}) rotate(-24)`;
    draw(svg, "text", { transform: at, fill: task.colour, class: "name", style: `font-size:${Math.min(24, width * 0.42)}px` }, shorten(task.name, 18));
  });
  const cells = [];
  for (let step = 0; step <= steps; step += 1) {
    const row = step ? `${step} · ${shorten(tasks[step - 1].name, 18)}` : "Pre-trained";
    draw(svg, "text", { x: left - 18, y: top + (step + 0.65) * height, "text-anchor": "end", style: `font-size:${names}px` }, row);
    tasks.forEach((_, column) => {
      const [x, y] = [left + column * width, top + step * height];
      draw(svg, "rect", { x: x + 1.5, y: y + 1.5, width: width - 3, height: height - 3, fill: colours.empty });
      const value = slide.matrix[step]?.[column];
      if (value == null) return;
      const group = draw(svg, "g", { class: "cell" });
      const merged = column === step - 1;
      draw(group, "rect", {
        x: x + 1.5, y: y + 1.5, width: width - 3, height: height - 3, fill: scaled(value / 100, colours.scale, colours.stops),
        ...(merged ? { stroke: colours.ink, "stroke-width": 3 } : {}),
      });
      draw(group, "text", {
        x: x + width / 2, y: y + height / 2 + size * 0.36, "text-anchor": "middle", style: `font-size:${size}px`,
        fill: value > 77 ? colours.onStrong : colours.ink,
      }, number(value, tasks.length > 10 ? 0 : 1));
      const evaluated = step - 1 + LEARNING + ((1 - LEARNING) * (column + 1)) / tasks.length;
      cells.push({ group, at: step ? Math.min(step, evaluated) : 0 });
    });
  }
  return (position) => {
    for (const { group, at } of cells) group.style.opacity = position >= at - 1e-9 ? 1 : 0;
  };
}

function masksSlide(svg, slide, { tasks, colours }) {
  const fusions = Object.keys(slide.fusions).map(Number).sort((a, b) => a - b);
  const far = Math.max(1e-3, ...fusions.flatMap((step) => slide.fusions[step].flatMap(([, , pre, post]) => [Math.abs(pre - 1), Math.abs(post - 1)])));
  const [left, top, gap] = [190, 190, 70];
  const room = (WIDTH - left - gap - 80) / 2;
  const [width, height] = [room / slide.columns.length, (HEIGHT - top - 80) / slide.rows.length];
  const [nameSize, rowSize] = [Math.min(22, width * 0.75), Math.min(24, height * 0.8)];
  slide.rows.forEach((name, row) => {
    draw(svg, "text", { x: left - 14, y: top + (row + 0.5) * height + rowSize * 0.35, "text-anchor": "end", style: `font-size:${rowSize}px` }, shorten(name, 14));
  });
  const sides = [0, 1].map((side) => {
    const start = left + side * (room + gap);
    const heading = draw(svg, "text", { x: start, y: 30, class: "name" });
    slide.columns.forEach((name, column) => {
      const at = `translate(${start + (column + 0.6) * width} ${top - 12}) rotate(-52)`;
      draw(svg, "text", { transform: at, style: `font-size:${nameSize}px` }, shorten(name, 16));
    });
    draw(svg, "rect", { x: start, y: top, width: room, height: height * slide.rows.length, fill: colours.empty });
    const cells = slide.fusions[fusions[0]].map(([row, column]) => {
      const at = { x: start + column * width + 1, y: top + row * height + 1, width: width - 2, height: height - 2 };
      return draw(svg, "rect", { ...at, class: "tint", fill: colours.aroundOne[1] });
    });
    return { heading, cells };
  });
  const end = HEIGHT - 24;
  const [low, high] = [left + 260, left + 760];
  for (let k = 0; k < 100; k += 1) {
    draw(svg, "rect", { x: between(low, high, k / 100), y: end - 22, width: (high - low) / 100 + 1, height: 24, fill: scaled((k + 0.5) / 100, colours.aroundOne, [0, 0.5, 1]) });
  }
  draw(svg, "text", { x: low - 14, y: end, "text-anchor": "end", class: "minor" }, `shrunk ${number(1 - far, 2)}`);
  draw(svg, "text", { x: high + 14, y: end, class: "minor" }, `${number(1 + far, 2)} amplified`);
  return (position) => {
    const step = fusions.findLast((each) => each <= Math.floor(position + 1e-9)) ?? null;
    const name = step === null ? "" : shorten(tasks[step - 1].name, 20);
    const headings = step === null ? ["Every mask starts at one", ""] : [`Over what was merged so far`, `Over ${name}, step ${step}`];
    sides.forEach(({ heading, cells }, side) => {
      heading.textContent = headings[side];
      cells.forEach((cell, k) => {
        const mean = step === null ? 1 : slide.fusions[step][k]?.[2 + side] ?? 1;
        change(cell, { fill: scaled(0.5 + (mean - 1) / (2 * far), colours.aroundOne, [0, 0.5, 1]) });
      });
    });
  };
}
