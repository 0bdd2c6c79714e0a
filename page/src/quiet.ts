// Nothing of a browser to be seen: no pointer at rest, no screen that goes dark.

const AT_REST_MS = 2000;

/** Hide the pointer while nobody moves it. */
export function hidePointer(): void {
  let timer: number | undefined;
  const rest = (): void => {
    document.documentElement.classList.add("at-rest");
  };
  const moved = (): void => {
    document.documentElement.classList.remove("at-rest");
    clearTimeout(timer);
    timer = setTimeout(rest, AT_REST_MS);
  };
  for (const event of ["pointermove", "pointerdown"]) window.addEventListener(event, moved);
  moved();
}

/** Keep the screen awake while the page is seen. Browsers allow it on https and localhost only. */
export function stayAwake(): void {
  const ask = (): void => {
    if (document.visibilityState !== "visible") return;
    navigator.wakeLock?.request("screen").catch(() => {
      // Refused, on low battery for instance: asked again when the page is next seen.
    });
  };
  document.addEventListener("visibilitychange", ask);
  ask();
}

export async function toggleFullScreen(): Promise<void> {
  try {
    if (document.fullscreenElement) await document.exitFullscreen();
    else await document.documentElement.requestFullscreen();
  } catch {
    // Not every browser has it (an iPhone), and some want a click.
  }
}
