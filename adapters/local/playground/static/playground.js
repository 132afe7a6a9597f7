// Makes the pages live. Without it they work too: each form posts, and each answer is a page.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const narrow = matchMedia("(max-width: 800px)");

  // ---- Times, in the reader's own zone ----
  const today = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
  const earlier = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
  function localise(inside) {
    for (const time of inside.querySelectorAll("time[data-time]")) {
      const moment = new Date(time.dateTime);
      const sameDay = moment.toDateString() === new Date().toDateString();
      time.textContent = (sameDay ? today : earlier).format(moment);
      time.title = moment.toLocaleString();
    }
  }

  // ---- Scrolling: whoever reads the newest goes on reading the newest ----
  const scrollers = [...document.querySelectorAll(".scrolling[data-bottom]")];
  const toBottom = (one) => { one.scrollTop = one.scrollHeight; };
  const atBottom = (one) => one.scrollHeight - one.scrollTop - one.clientHeight < 80;
  // What is taller than the window is read from its beginning.
  function toNewest(one, post) {
    toBottom(one);
    const above = post ? one.getBoundingClientRect().top - post.getBoundingClientRect().top : 0;
    if (above > 0) one.scrollTop -= above + 8;
  }

  // ---- What the server sends replaces what has changed, and nothing else ----
  function parsed(html) {
    const template = document.createElement("template");
    template.innerHTML = html;
    return template.content.firstElementChild;
  }
  function swap(old, fresh) {
    const focused = old.contains(document.activeElement) ? document.activeElement : null;
    const kept = focused && focused.dataset.keep;
    for (const details of old.querySelectorAll("details[data-keep]")) {
      const same = fresh.querySelector(`details[data-keep="${CSS.escape(details.dataset.keep)}"]`);
      if (same) same.open = details.open;
    }
    for (const input of old.querySelectorAll("form.form [data-keep], .editing [data-keep], .composer textarea")) {
      const same = fresh.querySelector(`[data-keep="${CSS.escape(input.dataset.keep)}"]`);
      if (same && "value" in input && same.value !== input.value && same.tagName === input.tagName) same.value = input.value;
    }
    localise(fresh);
    old.replaceWith(fresh);
    if (kept) {
      const same = fresh.querySelector(`[data-keep="${CSS.escape(kept)}"]`);
      if (same) same.focus({ preventScroll: true });
    }
  }
  function refresh(old, html) {
    const fresh = parsed(html);
    if (old.dataset.version !== fresh.dataset.version) swap(old, fresh);
  }
  function show(sight) {
    const following = scrollers.filter(atBottom);
    const finished = [], come = [];
    for (const [id, html] of Object.entries(sight.regions)) {
      const old = byId(id);
      if (old) refresh(old, html);
    }
    for (const [id, list] of Object.entries(sight.lists)) {
      const holder = byId(id);
      if (!holder) continue;
      const wanted = new Set(list.order);
      for (const child of [...holder.children]) if (!wanted.has(child.id)) child.remove();
      let before = null;
      for (const key of list.order) {
        let element = byId(key);
        const wasThere = element && !element.hasAttribute("data-growing");
        if (list.pieces[key] !== undefined) {
          if (element) refresh(element, list.pieces[key]);
          else { const fresh = parsed(list.pieces[key]); localise(fresh); holder.append(fresh); come.push(fresh); }
          element = byId(key);
          if (!wasThere && element.dataset.byOther && !element.hasAttribute("data-growing")) finished.push(element);
        }
        const due = before ? before.nextElementSibling : holder.firstElementChild;
        if (element && element !== due) holder.insertBefore(element, due);
        before = element;
      }
    }
    for (const one of following) toNewest(one, come.find((post) => one.contains(post)));
    come.forEach(enter);
    tell(finished);
  }
  // A form that somebody has just asked for is filled in next; nobody is taken away from what she writes.
  let askedAt = -Infinity;
  function enter(post) {
    const at = document.activeElement, form = post.querySelector("form.form");
    const idle = at === document.body || (at.matches("[data-composer] textarea") && (!at.value || at.form.dataset.sending)) || at.matches(".buttons button");
    if (!form || !idle || narrow.matches || performance.now() - askedAt > 15_000) return;
    const inputs = [...form.querySelectorAll("[data-field]")];
    const first = inputs.find((one) => one.ariaRequired === "true" && !one.value) || inputs[0];
    if (first) first.focus({ preventScroll: true });
  }
  // An answer is read out once, when it is whole.
  let begun = false;
  function tell(finished) {
    if (begun && finished.length) {
      const last = finished[finished.length - 1];
      const words = last.querySelector(".words, .form h2");
      byId("told").textContent = `${last.dataset.byOther}: ${words ? words.textContent.trim().slice(0, 300) : ""}`;
    }
    begun = true;
  }

  // ---- The stream of news ----
  const live = document.body.dataset.live;
  let source = null, again = 0;
  const lost = (isLost) => { const banner = byId("lost"); if (banner && banner.hidden === isLost) banner.hidden = !isLost; };
  function connect() {
    clearTimeout(again);
    if (source) source.close();
    source = new EventSource(live);
    source.addEventListener("sight", (event) => { lost(false); show(JSON.parse(event.data)); });
    source.addEventListener("trouble", () => lost(true));
    source.addEventListener("gone", () => { source.close(); location.reload(); });
    source.addEventListener("open", () => lost(false));
    source.addEventListener("error", () => {
      lost(true);
      // The browser comes back by itself, unless it was answered with something else than a stream.
      if (source.readyState === EventSource.CLOSED) again = setTimeout(connect, 1000);
    });
  }
  if (live) {
    connect();
    // Browsers keep few connections to one server: a page that nobody sees needs none.
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) { clearTimeout(again); source.close(); } else connect();
    });
    addEventListener("pagehide", () => source.close());
    addEventListener("pageshow", (event) => { if (event.persisted) connect(); });
  }

  // ---- Forms: sent behind the page, so that nothing that is written is lost ----
  function ask(form) {
    const dialog = byId("ask");
    byId("ask-question").textContent = form.dataset.confirm;
    byId("ask-yes").textContent = form.dataset.yes || "Yes";
    dialog.returnValue = "no";
    dialog.showModal();
    return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }));
  }
  function clearProblems(form) {
    for (const one of form.querySelectorAll(".problem")) one.textContent = "";
    for (const one of form.querySelectorAll("[aria-invalid]")) one.removeAttribute("aria-invalid");
  }
  function problem(form, sentence, name) {
    const input = name && (form.querySelector(`[data-field="${CSS.escape(name)}"]`) || form.querySelector(`textarea[name="${CSS.escape(name)}"]`));
    let place = null;
    if (input) {
      input.setAttribute("aria-invalid", "true");
      place = byId(input.getAttribute("aria-describedby").split(" ")[0]);
      input.focus();
    }
    place = place || form.querySelector(".problem");
    if (!place) {
      place = document.createElement("p");
      place.className = "problem";
      place.setAttribute("role", "alert");
      form.append(place);
    }
    place.textContent = sentence;
  }
  async function send(form) {
    if (form.dataset.sending) return;
    clearProblems(form);
    const body = new FormData(form);
    if (form.dataset.confirm) {
      if (!(await ask(form))) return;
      body.set("confirmed", "1");
    }
    form.dataset.sending = "yes";
    const answered = form.dataset.composer !== undefined || /\/(say|press)$/.test(form.action);
    if (answered) {
      askedAt = performance.now();
      scrollers.forEach((one) => { if (one.dataset.bottom === "yes") toBottom(one); });
    }
    try {
      const multipart = form.enctype === "multipart/form-data";
      const answer = await fetch(form.action, {
        method: "POST",
        headers: { Accept: "application/json" },
        body: multipart ? body : new URLSearchParams(body),
      });
      const said = await answer.json();
      if (said.go === undefined) { problem(form, said.problem, said.field); return; }
      if (form.dataset.composer !== undefined) { form.reset(); grow(form.querySelector("textarea")); chosen(form); }
      if (!live || said.go !== location.pathname + location.search) location.assign(said.go);
    } catch {
      problem(form, "This could not be sent: the connection is lost. Nothing that you wrote is gone; please try again.", form.dataset.composer !== undefined ? "text" : "");
    } finally {
      delete form.dataset.sending;
    }
  }
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("form[data-send]")) return;
    event.preventDefault();
    send(form);
  });

  // ---- The composer ----
  function grow(area) {
    area.style.height = "auto";
    area.style.height = `${area.scrollHeight}px`;
  }
  function chosen(form) {
    const input = form.querySelector("input[type=file]");
    form.querySelector(".chosen").textContent = [...input.files].map((file) => file.name).join(", ");
  }
  document.addEventListener("change", (event) => {
    if (event.target.matches(".attach input")) chosen(event.target.form);
  });
  document.addEventListener("input", (event) => {
    if (!event.target.matches("textarea")) return;
    grow(event.target);
    if (event.target.closest("[data-composer]")) complete(event.target);
  });

  // Completion: the server knows the commands; here they are only shown and taken.
  const listOf = (area) => area.parentElement.querySelector(".completions");
  let asked = 0;
  async function complete(area) {
    const list = listOf(area), number = ++asked;
    const text = area.value.slice(0, area.selectionStart);
    if (!text.startsWith("/") || text.includes("\n")) { hide(area); return; }
    try {
      const answer = await fetch(`${area.form.dataset.composer}?text=${encodeURIComponent(text)}`);
      const found = answer.ok ? await answer.json() : [];
      // Answers may come in another order than they were asked for.
      if (number !== asked) return;
      const chosenBefore = list.hidden ? null : list.querySelector('[aria-selected="true"]');
      const kept = chosenBefore && chosenBefore.dataset.text;
      list.replaceChildren(...found.map((one, index) => {
        const item = document.createElement("li"), label = document.createElement("strong"), hint = document.createElement("span");
        item.id = `${list.id}-${index}`;
        item.setAttribute("role", "option");
        item.setAttribute("aria-selected", String(one.text === kept));
        item.dataset.text = one.text;
        label.textContent = one.label;
        hint.textContent = one.hint;
        hint.className = "quiet";
        item.append(label, hint);
        return item;
      }));
      list.hidden = found.length === 0;
      area.setAttribute("aria-autocomplete", "list");
      area.setAttribute("aria-controls", list.id);
      const still = list.querySelector('[aria-selected="true"]');
      if (still) area.setAttribute("aria-activedescendant", still.id); else area.removeAttribute("aria-activedescendant");
      if (found.length) byId("told").textContent = `${found.length} suggestions; arrow keys choose.`;
    } catch { hide(area); }
  }
  function hide(area) {
    asked++;
    listOf(area).hidden = true;
    area.removeAttribute("aria-activedescendant");
  }
  function choose(area, step) {
    const items = [...listOf(area).children];
    const at = items.findIndex((one) => one.getAttribute("aria-selected") === "true");
    const next = items[(at + step + items.length + (at < 0 && step < 0 ? 1 : 0)) % items.length];
    items.forEach((one) => one.setAttribute("aria-selected", String(one === next)));
    area.setAttribute("aria-activedescendant", next.id);
    next.scrollIntoView({ block: "nearest" });
  }
  function take(area, item) {
    const rest = area.value.slice(area.selectionStart);
    area.value = item.dataset.text + rest;
    area.setSelectionRange(item.dataset.text.length, item.dataset.text.length);
    area.focus();
    grow(area);
    complete(area);
  }
  document.addEventListener("keydown", (event) => {
    const area = event.target;
    if (event.isComposing || !area.matches || !area.matches("[data-composer] textarea, .editing textarea")) return;
    const list = area.closest("[data-composer]") ? listOf(area) : null;
    const open = list && !list.hidden;
    const selected = open && list.querySelector('[aria-selected="true"]');
    if (open && (event.key === "ArrowDown" || event.key === "ArrowUp")) { event.preventDefault(); choose(area, event.key === "ArrowDown" ? 1 : -1); }
    else if (open && event.key === "Escape") { event.preventDefault(); hide(area); }
    else if (open && event.key === "Tab" && !event.shiftKey && (selected || list.firstElementChild)) { event.preventDefault(); take(area, selected || list.firstElementChild); }
    else if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      if (selected) take(area, selected); else { if (list) hide(area); area.form.requestSubmit(); }
    }
  });
  document.addEventListener("mousedown", (event) => {
    const item = event.target.closest(".completions li");
    if (!item) return;
    event.preventDefault();
    take(item.closest("form").querySelector("textarea"), item);
  });
  document.addEventListener("focusout", (event) => { if (event.target.matches("[data-composer] textarea")) hide(event.target); });

  // Escape closes what is open, the innermost first.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented || document.querySelector("dialog[open]")) return;
    const card = document.querySelector("details.readers[open]");
    if (card) { card.open = false; card.querySelector("summary").focus(); return; }
    const thread = byId("close-thread");
    if (thread) thread.click();
  });

  localise(document);
  scrollers.forEach((one) => { if (one.dataset.bottom === "yes") toNewest(one, one.querySelector(".post:last-child")); });
  const menu = document.querySelector("details.menu");
  if (menu && narrow.matches) menu.open = false;
  // Two panes must not quarrel about the focus; on a small screen it would call up the keyboard.
  const writing = window === window.top && !narrow.matches && (byId("text-thread") || byId("text-main"));
  const first = document.querySelector("[autofocus]") || writing;
  if (first) first.focus();
  for (const area of document.querySelectorAll("textarea")) grow(area);
})();
