// What happens when a request of htmx fails: a sentence, a way to try again, and no typed text lost.
(() => {
  "use strict";

  const { toast, sentences } = window.rondo;
  const again = { 0: "offline", 403: "refused", 404: "missing", 429: "many", 502: "busy", 503: "busy", 504: "busy" };

  function retry(detail) {
    const cause = detail.requestConfig.triggeringEvent;
    const form = detail.elt.closest("form");
    if (cause?.submitter) cause.submitter.click(); // htmx takes a button's value from its click
    else if (form && detail.requestConfig.verb !== "get") form.requestSubmit();
    else window.htmx.trigger(detail.elt, cause?.type || "click");
  }

  function failed(detail, reason) {
    // A poll tries again by itself; one that fails says so once, not at every turn.
    const poll = /\bevery\b/.test(detail.elt.getAttribute("hx-trigger") || "");
    const action = poll ? null : { label: sentences.retry, act: () => retry(detail) };
    toast("bad", sentences[reason] || sentences.failed, action);
  }

  document.body.addEventListener("htmx:responseError", ({ detail }) =>
    failed(detail, detail.xhr.status === 401 ? "loggedOut" : again[detail.xhr.status]),
  );
  document.body.addEventListener("htmx:sendError", ({ detail }) => failed(detail, "offline"));
  document.body.addEventListener("htmx:timeout", ({ detail }) => failed(detail, "offline"));

  // A login page that a redirect brought must not replace a fragment.
  document.body.addEventListener("htmx:beforeSwap", ({ detail }) => {
    const path = new URL(detail.xhr.responseURL || location.href, location.href).pathname;
    if (!path.startsWith("/account/login/") || location.pathname.startsWith("/account/login/")) return;
    detail.shouldSwap = false;
    failed(detail, "loggedOut");
  });

  // While a request runs its source cannot be sent twice, and says that it is busy.
  document.body.addEventListener("htmx:beforeRequest", ({ detail }) => detail.elt.setAttribute("aria-busy", "true"));
  document.body.addEventListener("htmx:afterRequest", ({ detail }) => detail.elt.removeAttribute("aria-busy"));
})();
