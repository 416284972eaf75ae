// The frame of a dialog: a native one, so that the browser keeps the focus inside, closes it with Esc, and gives the
// focus back.

import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";

import type { Problem } from "../../api/problem";
import { close } from "../../state/ask";
import { Mark } from "../mark";
import { Reason } from "../words";

interface Props {
  title: string;
  tone?: string;
  wide?: boolean;
  /** Called with Enter in a field and with the button that acts. */
  onSubmit?: () => void;
  children: ComponentChildren;
}

export function Frame({ title, tone = "", wide = false, onSubmit, children }: Props) {
  const box = useRef<HTMLDialogElement>(null);
  // The browser tells of a closed dialog later, when another one may be open already.
  const shown = useRef(true);
  // Before the browser does anything else, so that no key falls between.
  useLayoutEffect(() => {
    const dialog = box.current;
    const opener = document.activeElement;
    dialog?.showModal();
    return () => {
      shown.current = false;
      dialog?.close();
      if (opener instanceof HTMLElement && opener.isConnected && opener !== document.body) opener.focus();
      else document.getElementById("main")?.focus({ preventScroll: true });
    };
  }, []);
  useEffect(() => {
    // The button that had the focus may be gone, such as after the act: the focus stays within the dialog.
    if (box.current?.open && !box.current.contains(document.activeElement))
      document.getElementById("dialog-close")?.focus();
  });
  return (
    <dialog
      ref={box}
      class={`dialog ${tone} ${wide ? "wide" : ""}`}
      aria-labelledby="dialog-title"
      onClose={() => shown.current && close()}
      onCancel={close}
    >
      <form
        method="dialog"
        onSubmit={(event) => {
          event.preventDefault();
          onSubmit?.();
        }}
      >
        <h2 id="dialog-title">{title}</h2>
        {children}
      </form>
    </dialog>
  );
}

/** The row of buttons: first the one that does nothing. */
export function Buttons({
  children,
  closing = "Cancel",
}: {
  children?: ComponentChildren;
  closing?: string;
}) {
  return (
    <div class="buttons">
      <button type="button" class="button" onClick={close} id="dialog-close">
        {closing}
      </button>
      {children}
    </div>
  );
}

/** A refusal within a dialog, in Teal's words. */
export function Refusal({ problem, lead }: { problem: Problem; lead?: string }) {
  return (
    <div class="refusal" role="alert">
      <p>
        <Mark shape="down" tone="bad" /> <strong>{lead ?? problem.title}</strong>
      </p>
      {lead && <p>{problem.title}</p>}
      {problem.detail && (
        <p>
          <Reason text={problem.detail} />
        </p>
      )}
    </div>
  );
}

/** What was done, in words. */
export function Outcome({ children }: { children: ComponentChildren }) {
  return (
    <div class="outcome" role="status">
      <Mark shape="active" tone="good" />
      <div>{children}</div>
    </div>
  );
}
