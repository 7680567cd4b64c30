package io.vela.admin;

import io.vela.config.HttpConfig;
import io.vela.config.value.HostPort;
import io.vela.router.Router;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.file.FileSystemOptions;
import io.vertx.core.http.HttpServerOptions;
import java.io.IOException;
import java.time.Clock;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The HTTP server: REST under {@code /v1} for bearers of a token, {@code /healthz} and, unless
 * configured otherwise, {@code /metrics} for anyone who reaches it. One event loop moves bytes; all
 * else runs on virtual threads. What somebody without a token can take is bounded: connections,
 * heads, time; a body is not read.
 */
public final class AdminServer implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(AdminServer.class);
  private static final long WAIT_SECONDS = 20;

  private final Vertx vertx;
  private final ExecutorService threads;
  private final Operations operations;
  private final HostPort address;

  private AdminServer(
      Vertx vertx, ExecutorService threads, Operations operations, HostPort address) {
    this.vertx = vertx;
    this.threads = threads;
    this.operations = operations;
    this.address = address;
  }

  /**
   * Starts it; returns when it accepts connections.
   *
   * @param config where, and how much whoever reaches it may take; port 0 takes a free one
   * @param router asked on virtual threads; not closed by this
   * @param metrics what {@code /metrics} shows
   * @param proxy where Postgres clients connect, for connection strings
   * @param reload run on virtual threads
   * @param health what {@code /healthz} tells
   * @throws IOException when the address cannot be listened on
   */
  public static AdminServer start(
      HttpConfig config,
      Router router,
      MetricsPage metrics,
      HostPort proxy,
      Reload reload,
      Health health)
      throws IOException, InterruptedException {
    var vertx = vertx();
    var threads = Executors.newVirtualThreadPerTaskExecutor();
    var operations = new Operations(router, Clock.systemUTC());
    var connections = new Connections(vertx, config, metrics.meters());
    var routes =
        new AdminRoutes(
            router,
            operations,
            metrics,
            proxy,
            reload,
            health,
            config,
            connections,
            new Dispatcher(router, threads, connections, config.maxBody()));
    var listen = config.address();
    try {
      var server =
          await(
              vertx
                  .createHttpServer(options())
                  .connectionHandler(connections::opened)
                  .requestHandler(routes.build(vertx))
                  .listen(listen.port(), listen.host()));
      var address = new HostPort(listen.host(), server.actualPort());
      log.info("admin listens address={}", address);
      return new AdminServer(vertx, threads, operations, address);
    } catch (IOException | InterruptedException e) {
      threads.shutdownNow();
      vertx.close();
      throw e;
    }
  }

  /** Where it listens, with the port that it got. */
  public HostPort address() {
    return address;
  }

  /** Stops listening, cancels imports and interrupts requests. */
  @Override
  public void close() {
    try {
      await(vertx.close());
      threads.shutdownNow();
      operations.cancelAll();
    } catch (IOException e) {
      log.warn("admin did not close cleanly", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  // HTTP/1.1 only: over HTTP/2 one connection would be as many requests as it likes.
  private static HttpServerOptions options() {
    return new HttpServerOptions()
        .setMaxInitialLineLength(4096)
        .setMaxHeaderSize(8192)
        .setHttp2ClearTextEnabled(false);
  }

  // No files are served, so Vert.x needs no cache of them on disk.
  private static Vertx vertx() {
    return Vertx.vertx(
        new VertxOptions()
            .setEventLoopPoolSize(1)
            .setWorkerPoolSize(1)
            .setInternalBlockingPoolSize(1)
            .setFileSystemOptions(
                new FileSystemOptions()
                    .setFileCachingEnabled(false)
                    .setClassPathResolvingEnabled(false)));
  }

  private static <T> T await(Future<T> future) throws IOException, InterruptedException {
    try {
      return future.toCompletionStage().toCompletableFuture().get(WAIT_SECONDS, TimeUnit.SECONDS);
    } catch (ExecutionException e) {
      var cause = e.getCause() == null ? e : e.getCause();
      throw new IOException(String.valueOf(cause.getMessage()), cause);
    } catch (TimeoutException e) {
      throw new IOException("it took longer than " + WAIT_SECONDS + " s", e);
    }
  }
}
