// The start of the page: follow the address, the clock, the status, the events and the series; then show them.

import { render } from "preact";

import { startClock } from "./state/clock";
import { startEvents } from "./state/events";
import { startLive } from "./state/live";
import { startPast } from "./state/past";
import { startRoute } from "./state/route";
import { startSeries } from "./state/series";
import { App } from "./view/app";
import { startKeys } from "./view/keys";

const page = document.getElementById("page");
if (page !== null) {
  render(<App />, page);
  startRoute();
  startClock();
  startKeys();
  void startLive();
  void startSeries();
  startEvents();
  startPast();
}
