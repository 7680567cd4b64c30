package io.vela.admin;

import io.vela.config.value.ByteSize;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpServerRequest;

/** The bodies of paused requests: read up to a limit, or let pass unread. On the event loop. */
final class Body {
  private Body() {}

  /** Reads the body. Fails with {@link ProblemException} when it is larger than the limit. */
  static Future<Buffer> read(HttpServerRequest request, ByteSize limit) {
    if (announced(request) > limit.bytes()) {
      return Future.failedFuture(tooLarge(limit));
    }
    if ("100-continue".equalsIgnoreCase(request.getHeader(HttpHeaders.EXPECT))) {
      request.response().writeContinue();
    }
    Promise<Buffer> read = Promise.promise();
    var body = Buffer.buffer();
    request.handler(
        chunk -> {
          if (body.length() + chunk.length() > limit.bytes()) {
            read.tryFail(tooLarge(limit));
          } else if (!read.future().isComplete()) {
            body.appendBuffer(chunk);
          }
        });
    request.exceptionHandler(read::tryFail);
    request.endHandler(_ -> read.tryComplete(body));
    request.resume();
    return read.future();
  }

  /**
   * Lets the body pass, keeping nothing of it: a client that still sends would not see the answer
   * of a server that closes the connection.
   */
  static void discard(HttpServerRequest request, Runnable ended) {
    if (request.isEnded()) {
      return;
    }
    request.handler(_ -> {});
    request.exceptionHandler(_ -> {});
    request.endHandler(_ -> ended.run());
    request.resume();
  }

  private static long announced(HttpServerRequest request) {
    var length = request.getHeader(HttpHeaders.CONTENT_LENGTH);
    try {
      return length == null ? 0 : Long.parseLong(length);
    } catch (NumberFormatException e) {
      return Long.MAX_VALUE; // It has more digits than a long.
    }
  }

  private static ProblemException tooLarge(ByteSize limit) {
    return new ProblemException(
        new Problem(
            ProblemType.TOO_LARGE, "a request's body may have %d bytes".formatted(limit.bytes())));
  }
}
