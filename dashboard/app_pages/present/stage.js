// The stage itself: one clock for all slides, keys, the scrub bar, and the address bar.
const SLIDES = {
  title: titleSlide, curves: curvesSlide, matrix: matrixSlide, losses: lossesSlide, masks: masksSlide,
  forgetting: forgettingSlide, features: featuresSlide, final: finalSlide,
};
const SECONDS = 1.5; // of a step at speed 1
const NOTED = 400; // ms between two changes of the address bar: browsers allow some hundred in half a minute
const HINT = "← → slides · space play · ↑ ↓ step · Home End · + − speed · F full screen · Esc leave";
const kept = {}; // what is shown of a run, over a new drawing of the page: run -> state

export default function ({ data, parentElement, setTriggerValue }) {
  const dialog = parentElement.querySelector("dialog");
  const { steps, slides, colours, view } = data;
  const found = kept[data.run];
  const first = Math.max(0, slides.findIndex((slide) => slide.id === view.chart));
  const state = found && found.address === location.search
    ? found
    : { slide: first, position: view.step, speed: view.speed, playing: false, address: location.search };
  kept[data.run] = state;
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  for (const [name, value] of Object.entries(colours)) if (typeof value === "string") dialog.style.setProperty(`--${name}`, value);

  const make = (kind, className, text = "") => {
    const element = document.createElement(kind);
    element.className = className;
    element.textContent = text;
    return element;
  };
  const head = make("header", "head");
  const heading = make("h1", "heading");
  const measured = make("span", "measured");
  const moment = make("span", "moment");
  head.append(heading, measured, moment);
  const svg = document.createElementNS(svgNames, "svg");
  change(svg, { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });
  const foot = make("footer", "foot");
  const button = (text, label, act) => {
    const element = make("button", "button", text);
    element.type = "button";
    element.setAttribute("aria-label", label);
    element.addEventListener("click", (event) => {
      act();
      if (event.detail) dialog.focus(); // by a pointer: keys go to the stage
    });
    foot.append(element);
    return element;
  };
  button("‹", "Slide before", () => turn(-1));
  const play = button("▶", "Play", () => toggle());
  button("›", "Next slide", () => turn(1));
  const scrub = make("input", "scrub");
  Object.assign(scrub, { type: "range", min: 0, max: steps, step: 0.01 });
  scrub.setAttribute("aria-label", "Step");
  scrub.addEventListener("input", () => go(Number(scrub.value)));
  foot.append(scrub);
  const pace = make("span", "pace");
  foot.append(pace);
  const count = make("span", "pace");
  foot.append(count);
  foot.append(make("span", "hint", HINT));
  button("✕", "Leave", () => leave());
  const frame = make("div", "frame");
  frame.append(head, svg, foot);
  dialog.replaceChildren(frame);

  let show = () => {};
  let noted = 0;
  let timer = null;
  const note = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      noted = performance.now();
      const address = new URL(location.href);
      const values = { chart: slides[state.slide].id, step: String(Math.round(state.position * 100) / 100), speed: String(state.speed) };
      for (const [name, value] of Object.entries(values)) address.searchParams.set(name, value);
      if (address.search !== location.search) history.replaceState(history.state, "", address);
      state.address = address.search;
    }, Math.max(0, noted + NOTED - performance.now()));
  };
  const refresh = () => {
    const position = still ? Math.floor(state.position + 1e-9) : state.position;
    show(position);
    scrub.value = state.position;
    const step = Math.min(steps, Math.floor(position) + (position % 1 ? 1 : 0));
    const name = step ? shorten(data.tasks[step - 1].name, 24) : "";
    const replayed = slides[state.slide].id !== "final";
    moment.textContent = !replayed ? "" : step ? `step ${step} of ${steps}: ${name}` : "pre-trained";
    play.textContent = state.playing ? "❚❚" : "▶";
    play.setAttribute("aria-label", state.playing ? "Pause" : "Play");
    pace.textContent = `${Math.round(state.speed * 100) / 100}×`;
    count.textContent = `${state.slide + 1} / ${slides.length}`;
    note();
  };
  const build = () => {
    const slide = slides[state.slide];
    svg.replaceChildren();
    dialog.dataset.slide = slide.id;
    heading.textContent = slide.id === "title" ? "" : slide.title;
    measured.textContent = slide.measured ?? "";
    change(svg, { "aria-label": [slide.title, slide.measured].filter(Boolean).join(", ") });
    show = SLIDES[slide.id](svg, slide, data);
    refresh();
  };
  const turn = (by) => {
    const slide = clamp(state.slide + by, 0, slides.length - 1);
    if (slide !== state.slide) { state.slide = slide; build(); }
  };
  const go = (position) => { state.position = clamp(position, 0, steps); refresh(); };
  const stepBy = (by) => {
    state.playing = false;
    go(by > 0 ? Math.floor(state.position + 1e-9) + 1 : Math.ceil(state.position - 1e-9) - 1);
  };
  const faster = (by) => { state.speed = clamp(state.speed * by, data.speeds[0], data.speeds[1]); refresh(); };
  const toggle = () => {
    state.playing = !state.playing;
    if (state.playing && state.position >= steps) state.position = 0;
    refresh();
  };
  const leave = () => { state.playing = false; setTriggerValue("left", true); };
  const whole = () => (document.fullscreenElement ? document.exitFullscreen() : frame.requestFullscreen?.());
  const keys = {
    ArrowRight: () => turn(1), PageDown: () => turn(1), ArrowLeft: () => turn(-1), PageUp: () => turn(-1),
    ArrowUp: () => stepBy(1), ArrowDown: () => stepBy(-1), Home: () => go(0), End: () => go(steps),
    " ": toggle, "+": () => faster(2), "=": () => faster(2), "-": () => faster(0.5), f: whole, F: whole, Escape: leave,
  };
  const press = (event) => {
    const own = event.target.tagName === "BUTTON" && (event.key === " " || event.key === "Enter");
    if (own || !keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    keys[event.key]();
  };
  const stay = (event) => event.preventDefault(); // the dialog goes with the page
  dialog.addEventListener("keydown", press, true);
  dialog.addEventListener("cancel", stay);

  let last = null;
  let request = 0;
  const tick = (now) => {
    if (state.playing && last !== null) {
      state.position = Math.min(steps, state.position + ((now - last) / 1000 / SECONDS) * state.speed);
      if (state.position >= steps) state.playing = false;
      refresh();
    }
    last = now;
    request = requestAnimationFrame(tick);
  };
  if (!dialog.open) dialog.showModal();
  dialog.focus();
  build();
  request = requestAnimationFrame(tick);
  return () => {
    cancelAnimationFrame(request);
    clearTimeout(timer);
    dialog.removeEventListener("keydown", press, true);
    dialog.removeEventListener("cancel", stay);
    if (dialog.open) dialog.close();
  };
}
