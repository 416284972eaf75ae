// The open dialog, if any.

import { ask } from "../../state/ask";
import { AbandonDialog, ContinueDialog } from "./deploy";
import { HoldDialog, ResumeDialog } from "./hold";
import { KeysDialog } from "./keys";
import { MoveDialog } from "./move";
import { ReceiptDialog } from "./receipt";
import { RetireDialog } from "./retire";
import { ShortenDialog } from "./shorten";
import { SignInDialog } from "./sign-in";

export function Dialogs() {
  const open = ask.value;
  switch (open?.what) {
    case "move":
      return <MoveDialog {...open} />;
    case "hold":
      return <HoldDialog service={open.service} />;
    case "resume":
      return <ResumeDialog service={open.service} />;
    case "shorten":
      return <ShortenDialog service={open.service} color={open.color} />;
    case "retire":
      return <RetireDialog service={open.service} color={open.color} />;
    case "continue":
      return <ContinueDialog deploy={open.deploy} />;
    case "abandon":
      return <AbandonDialog deploy={open.deploy} />;
    case "receipt":
      return <ReceiptDialog service={open.service} generation={open.generation} />;
    case "sign-in":
      return <SignInDialog />;
    case "keys":
      return <KeysDialog />;
    default:
      return null;
  }
}
