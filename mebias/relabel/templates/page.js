"use strict";
(() => {
const KEYFRAMES = ["onset", "apex", "offset"];
const LETTER = { onset: "O", apex: "A", offset: "F" };
const SPEEDS = [0.02, 0.05, 0.1, 0.25, 0.5, 1, 2];
const COLUMNS = ["packet", "item", "coder", "onset", "apex", "offset", "no_expression", "comment", "frames"];
const about = JSON.parse(document.getElementById("packet").textContent);
const items = about.items;
const byId = (id) => document.getElementById(id);
const film = byId("film"), slider = byId("slider"), pen = film.getContext("2d");
const STORE = "mebias-relabel:" + about.packet;
let answers = {}, at = 0, place = 1, speed = 0.1, timer = null, saved = true;
const pictures = new Map();
/* Marks that "no visible expression" took away: they are back when it is taken back. */
let shelved = {};

/* What is kept: one entry per packet and coder, so that nobody sees another one's marks. */
function read(key) {
  try { return window.localStorage.getItem(key); } catch (error) { return null; }
}
function keep() {
  saved = false;
  try {
    window.localStorage.setItem(STORE + ":" + coder(), JSON.stringify({ answers, at }));
    window.localStorage.setItem(STORE, coder());
    tell("Kept in this browser. Save the CSV to send it back.");
  } catch (error) {
    tell("This browser keeps nothing: save the CSV before you close the page.");
  }
}
function coder() { return byId("coder").value.trim(); }
function tell(text) { byId("kept").textContent = text; }
function restore() {
  const text = read(STORE + ":" + coder());
  if (!text) return false;
  try {
    const found = JSON.parse(text);
    answers = found.answers || {};
    at = Math.min(Math.max(0, found.at | 0), items.length - 1);
    return true;
  } catch (error) { return false; }
}
function answer(name) {
  const own = answers[name] || (answers[name] = { onset: null, apex: null, offset: null, none: false, comment: "" });
  return own;
}

/* Frames */
function loaded(index) {
  const item = items[index];
  if (!item) return [];
  if (pictures.has(index)) return pictures.get(index);
  let sources;
  if (about.inside) {
    sources = JSON.parse(byId("frames-" + item.item).textContent)
      .map((data) => "data:image/jpeg;base64," + data);
  } else {
    sources = Array.from({ length: item.n }, (_, i) =>
      "frames/" + item.item + "/" + String(i + 1).padStart(4, "0") + ".jpg");
  }
  const made = sources.map((source, i) => {
    const picture = new Image();
    picture.onload = () => { if (index === at && i + 1 === place) draw(); };
    picture.onerror = () => {
      if (index === at) problem("Frame " + (i + 1) + " cannot be shown" +
        (about.inside ? "." : "; keep the folder frames beside the page."));
    };
    picture.src = source;
    return picture;
  });
  pictures.set(index, made);
  for (const other of [...pictures.keys()]) if (Math.abs(other - at) > 1) pictures.delete(other);
  return made;
}
function draw() {
  const picture = loaded(at)[place - 1];
  if (!picture || !picture.complete || !picture.naturalWidth) return;
  if (film.width !== picture.naturalWidth || film.height !== picture.naturalHeight) {
    film.width = picture.naturalWidth;
    film.height = picture.naturalHeight;
  }
  pen.drawImage(picture, 0, 0);
}
function go(to) {
  place = Math.min(Math.max(1, to), items[at].n);
  slider.value = place;
  slider.setAttribute("aria-valuetext", "frame " + place + " of " + items[at].n);
  film.setAttribute("aria-label", "Frame " + place + " of " + items[at].n + " of clip " + items[at].item);
  byId("place").textContent = "frame " + place + " of " + items[at].n + " · " +
    Math.round(1000 * (place - 1) / items[at].fps) + " ms";
  draw();
}
function step(by) { pause(); go(place + by); }

/* Playing */
function pause() {
  if (timer !== null) cancelAnimationFrame(timer);
  timer = null;
  byId("play").textContent = "▶ Play";
}
function play() {
  if (timer !== null) { pause(); return; }
  if (place >= items[at].n) go(1);
  let from = null, first = place;
  byId("play").textContent = "⏸ Pause";
  const tick = (now) => {
    if (from === null) from = now;
    const next = first + Math.floor((now - from) / 1000 * items[at].fps * speed);
    if (next !== place) go(next);
    if (next >= items[at].n) { pause(); return; }
    timer = requestAnimationFrame(tick);
  };
  timer = requestAnimationFrame(tick);
}
function setSpeed(to) {
  const running = timer !== null;
  pause();
  speed = to;
  byId("speed").textContent = speed === 1 ? "as recorded" : "× " + speed;
  if (running) play();
}
function faster(by) {
  const now = SPEEDS.indexOf(speed);
  setSpeed(SPEEDS[Math.min(Math.max(0, now + by), SPEEDS.length - 1)]);
}

/* Marks */
function mark(name, value) {
  const own = answer(items[at].item);
  if (value !== null && own.none) own.none = false;
  own[name] = value;
  keep();
  show();
}
function disorder(own) {
  const there = KEYFRAMES.filter((name) => own[name] !== null);
  for (let i = 1; i < there.length; i += 1)
    if (own[there[i]] < own[there[i - 1]])
      return "The " + there[i] + " lies before the " + there[i - 1] + ": mark one of them again.";
  return "";
}
function state(item) {
  const own = answers[item.item];
  if (!own) return "";
  if (own.none) return "full";
  const there = KEYFRAMES.filter((name) => own[name] !== null).length;
  return there === 3 && !disorder(own) ? "full" : there ? "part" : "";
}
function problem(text) { byId("problem").textContent = text; }
function noExpression(on) {
  const item = items[at].item, own = answer(item);
  own.none = on;
  if (on) {
    shelved[item] = KEYFRAMES.map((name) => own[name]);
    for (const name of KEYFRAMES) own[name] = null;
  } else if (item in shelved) KEYFRAMES.forEach((name, i) => { own[name] = shelved[item][i]; });
  keep();
  show();
}
function clearClip() {
  delete answers[items[at].item];
  keep();
  show();
}
function show() {
  const own = answer(items[at].item);
  byId("which").textContent = "Clip " + items[at].item + " (" + (at + 1) + " of " + items.length + ")";
  const ticks = byId("ticks");
  ticks.replaceChildren();
  for (const name of KEYFRAMES) {
    const value = own[name];
    byId(name + "-at").textContent = value === null ? "–" : "frame " + value;
    byId(name + "-at").disabled = value === null;
    byId(name + "-clear").disabled = value === null;
    if (value === null) continue;
    const tick = document.createElement("span");
    tick.className = name;
    tick.textContent = LETTER[name];
    tick.style.left = (items[at].n > 1 ? 100 * (value - 1) / (items[at].n - 1) : 0) + "%";
    ticks.append(tick);
  }
  problem(disorder(own));
  byId("none").checked = own.none;
  if (byId("comment").value !== own.comment) byId("comment").value = own.comment;
  byId("previous").disabled = at === 0;
  byId("next").disabled = at === items.length - 1;
  const full = items.filter((item) => state(item) === "full").length;
  byId("progress").textContent = full + " of " + items.length + " done";
  byId("done").style.width = 100 * full / items.length + "%";
  [...byId("list").children].forEach((entry, i) => {
    const button = entry.firstChild, how = state(items[i]);
    button.className = how;
    button.setAttribute("aria-current", i === at ? "true" : "false");
    button.setAttribute("aria-label", "Clip " + items[i].item +
      (how === "full" ? ", done" : how === "part" ? ", begun" : ", open"));
  });
}
function open(index) {
  pause();
  at = Math.min(Math.max(0, index), items.length - 1);
  slider.max = items[at].n;
  loaded(at);
  loaded(at + 1);
  go(1);
  show();
}
function turn(by) {
  if (at + by < 0 || at + by >= items.length) return;
  open(at + by);
  keep();
  film.focus({ preventScroll: true });
}

/* CSV */
function cell(value) {
  const text = value === null || value === undefined ? "" : String(value);
  return /[",\r\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
}
function csv() {
  const rows = items.map((item) => {
    const own = answers[item.item] || { onset: null, apex: null, offset: null, none: false, comment: "" };
    return [about.packet, item.item, coder(), own.onset, own.apex, own.offset,
      own.none ? "true" : "false", own.comment.replace(/\s+/g, " ").trim(), item.n];
  });
  return [COLUMNS, ...rows].map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
}
function clips(n) { return n + (n === 1 ? " clip" : " clips"); }
function save() {
  if (!coder()) {
    problem("Type your initials first: they say whose marks these are.");
    byId("coder").focus();
    return;
  }
  const wrong = items.find((item) => answers[item.item] && disorder(answers[item.item]));
  if (wrong) { open(items.indexOf(wrong)); return; }
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
  link.download = "relabel-" + about.packet + "-" + coder().replace(/[^A-Za-z0-9_-]+/g, "_") + ".csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  saved = true;
  const full = items.filter((item) => state(item) === "full").length;
  tell("Saved as " + link.download + (full < items.length ? ", with " + (items.length - full) +
    " of " + clips(items.length) + " still open." : ": all clips are done. Send it back."));
}
function parsed(text) {
  const rows = [];
  let row = [], value = "", quoted = false;
  for (let i = 0; i < text.length; i += 1) {
    const sign = text[i];
    if (quoted) {
      if (sign === '"' && text[i + 1] === '"') { value += '"'; i += 1; }
      else if (sign === '"') quoted = false;
      else value += sign;
    } else if (sign === '"') quoted = true;
    else if (sign === ",") { row.push(value); value = ""; }
    else if (sign === "\n") { row.push(value); rows.push(row); row = []; value = ""; }
    else if (sign !== "\r") value += sign;
  }
  if (value || row.length) { row.push(value); rows.push(row); }
  return rows.filter((one) => one.some((v) => v !== ""));
}
function taken(text) {
  const [head, ...rows] = parsed(text.replace(/^\uFEFF/, ""));
  const column = Object.fromEntries((head || []).map((name, i) => [name.trim(), i]));
  if (COLUMNS.slice(0, 8).some((name) => !(name in column)))
    return "This is no CSV that this page has saved; nothing was taken from it.";
  if (rows.some((row) => row[column.packet] !== about.packet))
    return "This CSV belongs to another packet; nothing was taken from it.";
  const found = {};
  for (const row of rows) {
    const item = items.find((one) => one.item === row[column.item]);
    if (!item) return "This CSV has a clip that this packet does not have; nothing was taken from it.";
    const own = { none: row[column.no_expression] === "true", comment: row[column.comment] || "" };
    for (const name of KEYFRAMES) {
      const text = row[column[name]].trim();
      own[name] = text === "" ? null : Number(text);
      if (own[name] !== null && !(Number.isInteger(own[name]) && own[name] >= 1 && own[name] <= item.n))
        return "In this CSV the " + name + " of " + item.item + " is no frame of the clip; nothing was taken from it.";
    }
    if (own.none || own.comment || KEYFRAMES.some((name) => own[name] !== null)) found[item.item] = own;
  }
  const whose = (rows[0] || [])[column.coder] || "";
  if (whose && whose !== coder()) { byId("coder").value = whose; renamed(); }
  const changed = Object.keys(found).filter((name) => {
    const now = answers[name];
    return now && state({ item: name }) && JSON.stringify([now.onset, now.apex, now.offset, now.none]) !==
      JSON.stringify([found[name].onset, found[name].apex, found[name].offset, found[name].none]);
  });
  if (changed.length && !window.confirm("The CSV has other marks for " + clips(changed.length) +
      " that you have marked here. Replace them?"))
    for (const name of changed) delete found[name];
  answers = { ...answers, ...found };
  shelved = {};
  keep();
  open(at);
  return "Taken from the CSV: " + clips(Object.keys(found).length) + ".";
}
function renamed() {
  const before = last;
  shelved = {};
  last = coder();
  if (restore()) { open(at); tell("Marks of " + last + " are back."); return; }
  if (before !== "") { answers = {}; at = 0; }
  keep();
  if (before === "") try { window.localStorage.removeItem(STORE + ":"); } catch (error) { /* nothing kept */ }
  open(at);
}
let last = "";

/* Everything together */
for (const [i, item] of items.entries()) {
  const entry = document.createElement("li"), button = document.createElement("button");
  button.type = "button";
  button.textContent = item.item;
  button.addEventListener("click", () => { open(i); keep(); });
  entry.append(button);
  byId("list").append(entry);
}
for (const name of KEYFRAMES) {
  byId(name).addEventListener("click", () => mark(name, place));
  byId(name + "-at").addEventListener("click", () => { pause(); go(answer(items[at].item)[name]); });
  byId(name + "-clear").addEventListener("click", () => mark(name, null));
}
slider.addEventListener("input", () => { pause(); go(Number(slider.value)); });
byId("play").addEventListener("click", play);
byId("slower").addEventListener("click", () => faster(-1));
byId("faster").addEventListener("click", () => faster(1));
byId("previous").addEventListener("click", () => turn(-1));
byId("next").addEventListener("click", () => turn(1));
byId("none").addEventListener("change", (event) => noExpression(event.target.checked));
byId("comment").addEventListener("input", (event) => { answer(items[at].item).comment = event.target.value; keep(); });
byId("clear").addEventListener("click", clearClip);
byId("save").addEventListener("click", save);
byId("coder").addEventListener("change", () => { if (coder() !== last) renamed(); });
byId("open").addEventListener("change", async (event) => {
  const file = event.target.files[0];
  if (file) tell(taken(await file.text()));
  event.target.value = "";
});
window.addEventListener("beforeunload", (event) => {
  if (!saved && read(STORE) === null) event.preventDefault();
});
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target.matches("textarea, input:not([type=range]):not([type=checkbox]):not([type=file])");
  if (typing) {
    if (event.key === "Escape" || (event.key === "Enter" && event.target.id === "coder")) {
      event.target.blur();
      film.focus({ preventScroll: true });
      event.preventDefault();
    }
    return;
  }
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const marks = { o: "onset", a: "apex", f: "offset" }, marked = { 1: "onset", 2: "apex", 3: "offset" };
  const pressable = event.target.matches("button, summary, input[type=checkbox], input[type=file]");
  if (key in marks) mark(marks[key], event.shiftKey ? null : place);
  else if (key in marked) {
    const there = answer(items[at].item)[marked[key]];
    if (there !== null) { pause(); go(there); }
  }
  else if (key === "ArrowRight") step(event.shiftKey ? 10 : 1);
  else if (key === "ArrowLeft") step(event.shiftKey ? -10 : -1);
  else if (key === "Home") step(-items[at].n);
  else if (key === "End") step(items[at].n);
  else if (key === " " && !pressable) play();
  else if (key === "-" || key === "_") faster(-1);
  else if (key === "+" || key === "=") faster(1);
  else if (key === "0") setSpeed(1);
  else if (key === "x") noExpression(!answer(items[at].item).none);
  else if (key === "c") byId("comment").focus();
  else if (key === "n") turn(1);
  else if (key === "p") turn(-1);
  else if (key === "s") save();
  else return;
  event.preventDefault();
});
byId("coder").value = read(STORE) || "";
last = coder();
const back = restore();
setSpeed(speed);
open(at);
if (back) tell("Your marks are back as you left them.");
film.focus({ preventScroll: true });
})();
