"use strict";

// Every page has this script. Whatever it does is an addition: without it the pages are complete.

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// What a screen reader is told when something changed that has no words of its own.
const announced = make("p", { class: "hidden", role: "status" });
document.body.append(announced);

async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text.textContent);
    announced.textContent = "Copied.";
    button.textContent = "Copied";
  } catch {
    // The browser refuses: the text is selected, so that the reader's own keys copy it.
    getSelection().selectAllChildren(text);
    announced.textContent = "The text is selected: copy it with the keyboard.";
  }
}

if (navigator.clipboard) {
  for (const text of document.querySelectorAll("pre[data-copy]")) {
    const button = make("button", { type: "button", class: "copy" }, "Copy");
    button.addEventListener("click", () => copy(text, button));
    button.addEventListener("blur", () => (button.textContent = "Copy"));
    const box = make("div", { class: "copies" });
    text.replaceWith(box);
    box.append(text, button);
  }
}
