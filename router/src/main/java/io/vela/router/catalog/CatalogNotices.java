package io.vela.router.catalog;

import io.vela.agent.CloneId;
import io.vela.router.route.TokenId;
import io.vertx.core.Vertx;
import io.vertx.pgclient.PgConnectOptions;
import io.vertx.pgclient.pubsub.PgSubscriber;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Listens to what others change: {@code NOTIFY vela, 'token <id>'} and {@code 'contents <clone>'}.
 * What was said while nobody listened is lost, so everything may have changed after each connect.
 */
final class CatalogNotices implements AutoCloseable {
  static final String CHANNEL = "vela";

  private static final Logger log = LoggerFactory.getLogger(CatalogNotices.class);
  private static final Duration BETWEEN_TRIES = Duration.ofSeconds(1);

  private final PgSubscriber subscriber;

  /**
   * @param tokenChanged called on an event loop; empty: any
   * @param contentsChanged called on an event loop; empty: any
   */
  CatalogNotices(
      Vertx vertx,
      PgConnectOptions options,
      Consumer<Optional<TokenId>> tokenChanged,
      Consumer<Optional<CloneId>> contentsChanged) {
    subscriber =
        PgSubscriber.subscriber(vertx, options).reconnectPolicy(_ -> BETWEEN_TRIES.toMillis());
    subscriber
        .channel(CHANNEL)
        .subscribeHandler(
            _ -> {
              tokenChanged.accept(Optional.empty());
              contentsChanged.accept(Optional.empty());
            })
        .handler(
            payload -> {
              var words = payload.split(" ", 2);
              try {
                switch (words[0]) {
                  case "token" -> tokenChanged.accept(Optional.of(new TokenId(words[1])));
                  case "contents" -> contentsChanged.accept(Optional.of(new CloneId(words[1])));
                  default -> log.debug("notice not known payload=\"{}\"", payload);
                }
              } catch (IllegalArgumentException | ArrayIndexOutOfBoundsException e) {
                log.warn("notice not understood payload=\"{}\"", payload);
              }
            });
  }

  /** Waits until it listens. */
  void connect() throws Exception {
    subscriber.connect().toCompletionStage().toCompletableFuture().get(10, TimeUnit.SECONDS);
  }

  @Override
  public void close() {
    var _ = subscriber.close();
  }
}
