// What pages can do better with a script. Everything works without it.
"use strict";
(() => {
  const NEUTRAL = "/leave";
  const stored = window.sessionStorage;

  // Leave quickly: the page is replaced at once, so that "back" doesn't lead here; the session ends behind it.
  const leave = () => {
    document.documentElement.hidden = true;
    stored.clear();
    const leaving = fetch(NEUTRAL, { method: "POST", keepalive: true, credentials: "same-origin" });
    const replace = () => location.replace(NEUTRAL);
    // A moment for the answer's Clear-Site-Data; never longer.
    const waited = new Promise((done) => setTimeout(done, 400));
    Promise.race([leaving, waited]).then(replace, replace);
  };
  for (const form of document.querySelectorAll("[data-leave]")) {
    form.addEventListener("submit", (event) => { event.preventDefault(); leave(); });
  }
  let escaped = 0;
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") { escaped = 0; return; }
    const at = performance.now();
    if (at - escaped < 1000) leave();
    escaped = at;
  });

  // The invitation's code comes in the fragment, which never reaches a server; it goes to the field and out of the address.
  const code = document.querySelector("[data-from-fragment]");
  if (code && location.hash.length > 1) {
    code.value = decodeURIComponent(location.hash.slice(1));
    history.replaceState(null, "", location.pathname);
  }

  // What was said after a form need not stay in the address.
  const said = document.body.dataset.said;
  if (said) {
    const query = new URLSearchParams(location.search);
    query.delete("said");
    history.replaceState(null, "", location.pathname + (query.size ? `?${query}` : "") + location.hash);
  }

  // Drafts: kept in this tab until sent, gone at sign-out.
  const sent = stored.getItem("sent");
  if (sent && ["posted", "edited"].includes(said)) stored.removeItem(`draft:${sent}`);
  stored.removeItem("sent");
  for (const form of document.querySelectorAll("form[data-draft]")) {
    const key = `draft:${form.dataset.draft}`;
    const fields = [...form.querySelectorAll("textarea, input:not([type=hidden]):not([type=radio])")];
    try {
      const draft = JSON.parse(stored.getItem(key) || "{}");
      for (const field of fields) if (!field.value && draft[field.name]) field.value = draft[field.name];
    } catch { stored.removeItem(key); }
    form.addEventListener("input", () => {
      stored.setItem(key, JSON.stringify(Object.fromEntries(fields.map((field) => [field.name, field.value]))));
    });
    form.addEventListener("submit", () => stored.setItem("sent", form.dataset.draft));
  }
  for (const button of document.querySelectorAll("[data-forget]")) {
    button.form.addEventListener("submit", () => stored.clear());
  }

  // New replies: one quiet line that doesn't move the text; asked for once a minute while the page is looked at.
  const line = document.querySelector("[data-new]");
  if (line) {
    const look = async () => {
      if (document.hidden) return;
      const answer = await fetch(line.dataset.new, { headers: { accept: "application/json" } });
      if (!answer.ok || answer.redirected) return;
      const { count, line: words } = await answer.json();
      if (!count) return;
      const link = document.createElement("a");
      link.href = line.dataset.next;
      link.textContent = words;
      line.replaceChildren(link);
      line.hidden = false;
    };
    setInterval(() => look().catch(() => {}), 60_000);
  }

  for (const button of document.querySelectorAll("[data-print]")) {
    button.hidden = false;
    button.addEventListener("click", () => window.print());
  }
})();
