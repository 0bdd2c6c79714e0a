// Small tools for what is drawn: only what has changed is touched.

/** The element of this id: the page has it. */
export function element<Kind extends HTMLElement = HTMLElement>(id: string): Kind {
  return document.getElementById(id) as Kind;
}

export function write(into: Element, text: string): void {
  if (into.textContent !== text) into.textContent = text;
}

/** An attribute's value; null: without it. */
export function mark(on: Element, name: string, value: string | null): void {
  if (value === null) on.removeAttribute(name);
  else if (on.getAttribute(name) !== value) on.setAttribute(name, value);
}

export function made<Name extends keyof HTMLElementTagNameMap>(
  tag: Name,
  className: string,
  text = "",
): HTMLElementTagNameMap[Name] {
  const created = document.createElement(tag);
  created.className = className;
  created.textContent = text;
  return created;
}

/** Do it at the press, not at the release; what scrolls waits to see that it is no scrolling. */
export function onPress(button: HTMLElement, press: () => void, scrolls = false): void {
  if (!scrolls) {
    button.addEventListener("pointerdown", (event) => {
      if (event.button === 0) press();
    });
  }
  button.addEventListener("click", (event) => {
    if (scrolls || event.detail === 0) press(); // 0: by a keyboard, or a screen reader
  });
}
