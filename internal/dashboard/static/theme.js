// Sets the theme before anything is painted: what was chosen here, else what the system prefers.
"use strict";
(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => {
    try {
      return localStorage.getItem("besra-theme");
    } catch {
      return null; // storage may be switched off
    }
  };
  const set = () => {
    root.dataset.theme = chosen() ?? (dark.matches ? "dark" : "light");
    dispatchEvent(new Event("themechange"));
  };
  dark.addEventListener("change", set);
  addEventListener("toggletheme", () => {
    try {
      localStorage.setItem("besra-theme", root.dataset.theme === "dark" ? "light" : "dark");
    } catch {
      return;
    }
    set();
  });
  set();
})();
