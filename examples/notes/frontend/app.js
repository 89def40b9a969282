// The front end of the notes application: it lists, adds and deletes through /api/notes.
const list = document.getElementById("notes");
const form = document.getElementById("new-note");
const text = document.getElementById("text");
const message = document.getElementById("message");
const template = document.getElementById("note-template");

function say(words, isWrong = false) {
  message.textContent = words;
  message.classList.toggle("wrong", isWrong);
}

async function ask(path, options) {
  const response = await fetch(path, options);
  const task = response.headers.get("X-Task");
  if (task) document.getElementById("task").textContent = task;
  if (response.ok) return response.status === 204 ? null : response.json();
  const reason = await response.json().then((body) => body.error, () => null);
  throw new Error(reason ?? `the server answered ${response.status}`);
}

function showCount() {
  const count = list.children.length;
  document.getElementById("count").textContent = count ? `(${count})` : "";
  document.getElementById("empty").hidden = count > 0;
}

function makeItem(note) {
  const item = template.content.cloneNode(true).firstElementChild;
  const time = item.querySelector("time");
  item.querySelector(".text").textContent = note.text;
  time.dateTime = note.created;
  time.textContent = new Date(note.created).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  const button = item.querySelector(".remove");
  button.setAttribute("aria-label", `Delete: ${note.text.slice(0, 60)}`);
  button.addEventListener("click", () => remove(note, item, button));
  return item;
}

async function load() {
  try {
    const { notes } = await ask("/api/notes");
    list.replaceChildren(...notes.map(makeItem));
    showCount();
  } catch (error) {
    say(`The notes could not be loaded: ${error.message}.`, true);
  }
}

async function remove(note, item, button) {
  button.disabled = true;
  try {
    await ask(`/api/notes/${note.id}`, { method: "DELETE" });
    const next = item.nextElementSibling ?? item.previousElementSibling;
    item.remove();
    showCount();
    say("Deleted.");
    (next?.querySelector(".remove") ?? text).focus();
  } catch (error) {
    button.disabled = false;
    say(`It could not be deleted: ${error.message}.`, true);
  }
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const note = await ask("/api/notes", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ text: text.value }),
    });
    list.prepend(makeItem(note));
    showCount();
    form.reset();
    say("Added.");
  } catch (error) {
    say(`It could not be added: ${error.message}.`, true);
  }
  button.disabled = false;
  text.focus();
});

text.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
});

load();
