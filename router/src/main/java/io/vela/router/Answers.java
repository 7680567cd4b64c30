package io.vela.router;

import io.vela.agent.CloneFailure;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Questions of sessions, which must not wait, answered in futures. */
final class Answers {
  private static final Logger log = LoggerFactory.getLogger(Answers.class);

  private final Executor threads;

  /**
   * @param threads a virtual thread a task
   */
  Answers(Executor threads) {
    this.threads = threads;
  }

  /** What may fail with a {@link RouteException}. */
  interface Question<T> {
    T ask() throws RouteException;
  }

  /** What blocks as well. */
  interface SlowQuestion<T> {
    T ask() throws RouteException, InterruptedException;
  }

  /** Answers a question that does not block. */
  static <T> CompletableFuture<T> now(Question<T> question) {
    try {
      return CompletableFuture.completedFuture(question.ask());
    } catch (RouteException e) {
      return CompletableFuture.failedFuture(e);
    }
  }

  /** Answers a question that blocks. */
  <T> CompletableFuture<T> later(SlowQuestion<T> question) {
    var answer = new CompletableFuture<T>();
    threads.execute(
        () -> {
          try {
            answer.complete(question.ask());
          } catch (RouteException e) {
            answer.completeExceptionally(e);
          } catch (InterruptedException e) {
            // Only the end of Vela interrupts these threads.
            answer.completeExceptionally(new RouteException(new RouteFailure.ShuttingDown(), e));
          } catch (RuntimeException e) {
            log.error("question not answered", e);
            answer.completeExceptionally(
                new RouteException(
                    new RouteFailure.AgentFailed(
                        "internal error", new CloneFailure.QueryFailed(e.toString())),
                    e));
          }
        });
    return answer;
  }
}
