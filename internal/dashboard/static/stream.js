// The stream of seconds: it is followed for as long as the page is open, and begun anew when it breaks off.

const path = "/dashboard/events";

// follow calls on.history, on.tick and on.told with what comes, and on.state with "live", or why it is not.
export function follow(on) {
  let source;
  let again; // the try that is to come
  const open = () => {
    source = new EventSource(path);
    source.addEventListener("history", (e) => {
      on.state("live");
      on.history(JSON.parse(e.data));
    });
    source.addEventListener("tick", (e) => on.tick(JSON.parse(e.data)));
    source.addEventListener("told", (e) => on.told(JSON.parse(e.data)));
    source.addEventListener("error", () => {
      on.state("lost");
      if (source.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
      why().then(on.state);
      again = setTimeout(open, 5000);
    });
  };
  open();
  addEventListener("pagehide", () => {
    clearTimeout(again);
    source.close();
  });
  addEventListener("pageshow", (e) => {
    if (e.persisted) open();
  });
}

// why asks for what the browser does not tell of a stream that it was refused.
async function why() {
  try {
    const r = await fetch(path, { method: "HEAD" });
    return { 401: "denied", 403: "denied", 503: "full" }[r.status] ?? "lost";
  } catch {
    return "lost";
  }
}
