// The books: every accepted request is answered, aborted or in flight. What is lost stands large, since it must be 0.

import type { Service } from "../api/types";
import { count } from "../words/number";
import { Mark } from "./mark";
import { Fact, Part } from "./words";

export function Books({ service }: { service: Service }) {
  const books = service.books;
  const lost = books?.lost;
  return (
    <Part id="books" title="Books">
      <div class="books">
        <p class={`lost-count ${lost ? "bad" : ""}`}>
          <strong>{count(lost)}</strong>
          <span>
            {lost !== undefined && (
              <Mark shape={lost === 0 ? "active" : "down"} tone={lost === 0 ? "good" : "bad"} />
            )}{" "}
            lost
          </span>
        </p>
        <dl class="ledger">
          <Fact label="Accepted">{count(books?.accepted)}</Fact>
          <Fact label="Answered by blue">{count(books?.answered.blue)}</Fact>
          <Fact label="Answered by green">{count(books?.answered.green)}</Fact>
          <Fact label="Answered by Teal">{count(books?.answered.teal)}</Fact>
          <Fact label="Aborted">{count(books?.aborted)}</Fact>
          <Fact label="In flight">{count(books?.in_flight)}</Fact>
        </dl>
      </div>
      {!books && <p class="quiet small">This Teal does not give its books by service.</p>}
    </Part>
  );
}
