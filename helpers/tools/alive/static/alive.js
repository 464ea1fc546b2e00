"use strict";

/* What moves and answers on the pages: widgets whose pictures were drawn beforehand, questions that
   are answered before the reason is read, and the decoders of two trained models. Nothing is asked
   of the network and nothing is stored: what else is needed are pictures and scripts beside this. */

const alive = {};
const root = document.documentElement.dataset.content_root ?? "./";
const all = (selector, within = document) => [...within.querySelectorAll(selector)];

// What is far down a page is fetched when it comes into view.
const whenNear = (element, act) => {
  const watch = new IntersectionObserver(entries => {
    if (entries.some(entry => entry.isIntersecting)) { watch.disconnect(); act(); }
  }, { rootMargin: "600px" });
  watch.observe(element);
};

// A place in a folded section opens what hides it.
const reveal = () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  for (let e = target; e; e = e.parentElement) if (e.tagName == "DETAILS") e.open = true;
  target.scrollIntoView();
};

/* ---- Widgets with recorded pictures ---- */

function recorded(widget) {
  const { reached, frame, found } = JSON.parse(widget.querySelector("script").textContent);
  const controls = all("input, select", widget);
  const over = widget.querySelector(".over");
  const verdict = widget.querySelector(".verdict");
  const counts = controls.map(c => c.options?.length ?? Number(c.max) + 1);

  // The last control runs fastest.
  const state = () => controls.reduce((sum, c, i) => sum * counts[i] + Number(c.value), 0);

  const show = () => {
    for (const c of controls.filter(c => c.type == "range")) {
      const value = JSON.parse(c.dataset.values)[c.value];
      c.setAttribute("aria-valuetext", value);
      c.previousElementSibling.textContent = value;
    }
    over.src = `${widget.dataset.folder}/${frame[state()]}.webp`;
    const done = reached[state()] == "1";
    verdict.textContent = done ? `Found. ${found}` : "Not yet.";
    verdict.classList.toggle("done", done);
  };
  widget.addEventListener("input", show);
  show();

  whenNear(widget, () => {
    for (const number of new Set(frame)) new Image().src = `${widget.dataset.folder}/${number}.webp`;
  });
}

/* ---- Questions ---- */

// What follows an element in its section, as far as the next heading.
function following(element) {
  const found = [];
  for (let e = element?.nextElementSibling; e && e.tagName != "SECTION"; e = e.nextElementSibling) {
    found.push(e);
  }
  return found;
}

function question(form) {
  const { key, right } = form.dataset;
  const button = form.querySelector("button");
  const reasons = document.querySelector(`.reasons[data-of="${key}"]`);
  const isBelow = form.nextElementSibling == reasons;

  // What answers the question waits below it: the rest of its section, if the reasons are there.
  const pass = form.querySelector(".pass");
  const rest = pass ? following(form.closest(".cell")) : [];
  const waiting = rest.some(element => element.contains(reasons)) ? rest : [];
  const wait = on => {
    for (const element of waiting) element.classList.toggle("waiting", on);
    if (pass) pass.hidden = !on;
  };
  wait(waiting.length > 0);
  pass?.addEventListener("click", () => wait(false));

  form.addEventListener("change", () => { button.disabled = false; });
  form.addEventListener("submit", event => {
    event.preventDefault();
    if (form.classList.contains("committed")) return;

    const chosen = new FormData(form).get(key);
    const compared = `${chosen}. ${chosen == right ? "So it is." : `It is ${right}.`}`;
    form.classList.add("committed");
    wait(false);
    for (const option of all("input", form)) option.disabled = true;
    button.textContent = "Committed";
    form.querySelector(".said").textContent =
      isBelow ? `You chose ${compared}` : `You expect ${chosen}. Read on and compare.`;
    if (reasons) {
      reasons.querySelector("summary").textContent = `You ${isBelow ? "chose" : "expected"} ${compared}`;
      reasons.open = true;
    }
  });
}

/* ---- Decoders ---- */

const arriving = {};

// A model's file calls this with what it holds.
alive.receive = (name, model) => arriving[name].resolve(model);

// The model of this name with its weights as numbers; its file is fetched once.
alive.load = name => {
  if (!arriving[name]) {
    const arrival = arriving[name] = {};
    const file = new Promise(resolve => { arrival.resolve = resolve; });
    arrival.model = file.then(async model => ({ ...model, weights: await unpacked(model.weights) }));
    const script = document.createElement("script");
    script.src = `${root}_static/models/${name}.js`;
    document.head.append(script);
  }
  return arriving[name].model;
};

// Base 64, deflated, all lower bytes and then all upper ones: numbers of 16 bits.
async function unpacked(text) {
  const packed = Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const count = bytes.length / 2;

  return Float32Array.from({ length: count }, (_, n) => {
    const [low, high] = [bytes[n], bytes[count + n]];
    const exponent = (high >> 2) & 31;
    const fraction = ((high & 3) << 8) | low;
    const size = exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -24 * fraction;
    return high >> 7 ? -size : size;
  });
}

// The mean picture of a code: layer by layer weights · x + biases, ReLU between, at last a sigmoid.
alive.decode = ({ sizes, weights }, code) => {
  let x = Float32Array.from(code);
  let at = 0;
  for (let layer = 1; layer < sizes.length; layer++) {
    const [inputs, outputs] = [sizes[layer - 1], sizes[layer]];
    const biases = at + inputs * outputs;
    const y = new Float32Array(outputs);
    for (let i = 0; i < outputs; i++) {
      let sum = weights[biases + i];
      for (let j = 0; j < inputs; j++) sum += weights[at + i * inputs + j] * x[j];
      y[i] = layer < sizes.length - 1 ? Math.max(0, sum) : 1 / (1 + Math.exp(-sum));
    }
    at = biases + outputs;
    x = y;
  }
  return x;
};

// Pixels [channels, height, width] from 0 to 1 onto a canvas of their size.
function paint(canvas, pixels, [channels, height, width]) {
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  const count = width * height;
  for (let p = 0; p < count; p++) {
    for (let c = 0; c < 3; c++) image.data[4 * p + c] = 255 * pixels[(c % channels) * count + p];
    image.data[4 * p + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

// The true fruits in the middle of their sheets, in the order of the combinations, each
// [channels, height, width]. They are found on one sheet, row by row.
async function truths({ sheet, shape: [channels, height, width] }) {
  const picture = new Image();
  picture.src = sheet;
  await picture.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [picture.naturalWidth, picture.naturalHeight];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, 0, 0);

  const [columns, rows] = [canvas.width / width, canvas.height / height];
  return Array.from({ length: columns * rows }, (_, n) => {
    const [left, top] = [(n % columns) * width, Math.floor(n / columns) * height];
    const { data } = context.getImageData(left, top, width, height);
    return Float32Array.from({ length: channels * height * width }, (_, i) =>
      data[4 * (i % (height * width)) + Math.floor(i / (height * width))] / 255);
  });
}

// The number of the true fruit that is nearest to a picture, at any of its nine places.
function nearest(pixels, fruits, [channels, height, width]) {
  let [best, least] = [0, Infinity];
  fruits.forEach((fruit, number) => {
    for (let down = -1; down <= 1; down++) for (let right = -1; right <= 1; right++) {
      let sum = 0;
      for (let c = 0; c < channels && sum < least; c++) for (let y = 0; y < height; y++) {
        const row = (c * height + y) * width;
        const from = (c * height + (y - down + height) % height) * width;
        for (let x = 0; x < width; x++) {
          const off = pixels[row + x] - fruit[from + (x - right + width) % width];
          sum += off * off;
        }
      }
      if (sum < least) [best, least] = [number, sum];
    }
  });
  return best;
}

// "small black apple" for the number of a combination of object, colour and size.
function named({ factors: [objects, colours, sizes] }, number) {
  const size = number % sizes.values.length;
  const rest = Math.floor(number / sizes.values.length);
  const [object, colour] = [Math.floor(rest / colours.values.length), rest % colours.values.length];
  return `${sizes.values[size]} ${colours.values[colour]} ${objects.values[object]}`;
}

/* A decoder with a slider for each latent. */
async function sliders(widget) {
  const model = await alive.load(widget.dataset.model);
  const fruits = model.sheet && await truths(model);
  const inputs = all("input", widget);
  const canvas = widget.querySelector("canvas");
  const verdict = widget.querySelector(".verdict");

  const show = () => {
    const code = [...model.start];
    for (const input of inputs) {
      code[input.dataset.latent] = Number(input.value);
      input.previousElementSibling.textContent = Number(input.value).toFixed(2);
    }
    const pixels = alive.decode(model, code);
    paint(canvas, pixels, model.shape);
    if (!fruits) return;

    const name = named(model, nearest(pixels, fruits, model.shape));
    widget.querySelector("figcaption span").textContent = `The nearest true picture: ${name}`;
    if (verdict) {
      const done = name == "small black apple";
      verdict.textContent = done ? `Found. ${widget.dataset.found}` : "Not yet.";
      verdict.classList.toggle("done", done);
    }
  };
  const start = () => {
    for (const input of inputs) input.value = model.start[input.dataset.latent];
    show();
  };
  widget.addEventListener("input", show);
  widget.querySelector(".back").addEventListener("click", start);
  start();
}

/* Two fruits: the object of the one, colour and size of the other. */
async function swap(widget) {
  const model = await alive.load("fruits");
  const fruits = await truths(model);
  const counts = model.factors.map(factor => factor.values.length);
  const sides = all("fieldset", widget).map(side => ({
    menus: all("select", side), canvas: side.querySelector("canvas"),
  }));
  const [drawn, wanted] = all("figure", widget);
  const number = values => values.reduce((sum, value, i) => sum * counts[i] + value, 0);
  const chosen = side => side.menus.map(menu => Number(menu.value));

  const show = () => {
    const [first, second] = sides.map(chosen);
    const codes = [first, second].map(values => model.codes[number(values)]);
    const code = codes[0].map((z, j) => model.swapped.includes(j) ? codes[1][j] : z);
    const aim = number([first[0], second[1], second[2]]);
    const pixels = alive.decode(model, code);
    const found = nearest(pixels, fruits, model.shape);

    sides.forEach((side, i) => paint(side.canvas, fruits[number([first, second][i])], model.shape));
    paint(drawn.querySelector("canvas"), pixels, model.shape);
    paint(wanted.querySelector("canvas"), fruits[aim], model.shape);
    wanted.querySelector("figcaption").innerHTML =
      `${named(model, aim)}, ${model.unseen[aim] ? "which it has <b>never</b> seen" : "which it has seen"}`;
    widget.querySelector(".verdict").textContent =
      `The nearest of all true pictures: ${named(model, found)}. ` +
      (found == aim ? "That is what was asked for." : "That is not what was asked for.");
  };
  const set = (side, values) => values.forEach((value, i) => { side.menus[i].value = value; });
  widget.addEventListener("change", () => { play(false); show(); });

  // It begins by itself with what it has never seen, until somebody touches it.
  const orders = model.unseen.flatMap((unseen, n) => unseen ? [n] : []);
  const split = n => [Math.floor(n / counts[2] / counts[1]), Math.floor(n / counts[2]) % counts[1], n % counts[2]];
  const other = (values, change) => {
    const found = model.unseen.findIndex((unseen, n) => !unseen && change(split(n), values));
    return split(found);
  };
  const order = turn => {
    const values = split(orders[turn % orders.length]);
    set(sides[0], turn ? other(values, (v, w) => v[0] == w[0] && v[1] != w[1] && v[2] != w[2]) : [0, 0, 3]);
    set(sides[1], turn ? other(values, (v, w) => v[0] != w[0] && v[1] == w[1] && v[2] == w[2]) : [3, 5, 1]);
    show();
  };
  const pause = widget.querySelector(".pause");
  let turn = 0;
  let clock = null;
  const play = on => {
    clearInterval(clock);
    clock = on ? setInterval(() => order(++turn), 2500) : null;
    pause.textContent = on ? "Pause" : "Play";
  };
  pause.addEventListener("click", () => play(clock === null));
  widget.addEventListener("focusin", event => { if (event.target != pause) play(false); });
  order(0);
  widget.classList.add("ready");
  play(!matchMedia("(prefers-reduced-motion: reduce)").matches);
}

/* ---- All of them ---- */

addEventListener("hashchange", reveal);
all(".alive:not(.model, .swap)").forEach(recorded);
all("form.vote").forEach(question);
all(".alive.model").forEach(widget => whenNear(widget, () => sliders(widget)));
all(".alive.swap").forEach(swap);
reveal();
