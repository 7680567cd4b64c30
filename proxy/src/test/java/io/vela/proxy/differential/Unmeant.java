package io.vela.proxy.differential;

import static io.vela.proxy.wire.StartupPacket.CANCEL_REQUEST_CODE;
import static io.vela.proxy.wire.StartupPacket.PROTOCOL_3_0;
import static io.vela.proxy.wire.StartupPacket.PROTOCOL_3_2;
import static io.vela.proxy.wire.StartupPacket.SSL_REQUEST_CODE;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** A Vela to send what nobody means, before and after the startup. */
public final class Unmeant implements AutoCloseable {
  private static final byte[] STARTUP =
      Side.startupWithToken(PROTOCOL_3_0, "user", "postgres", "database", "postgres");

  private final Side side;

  /** Starts a Postgres and a Vela. */
  public Unmeant() throws Exception {
    side = new Side(18);
  }

  /** What is sent by those who mean it. */
  public static List<byte[]> seeds() {
    var seeds = new ArrayList<byte[]>();
    Exchange.repeatable().stream()
        .map(Exchange::request)
        .filter(request -> request.length < 1000)
        .forEach(seeds::add);
    Exchange.last().forEach(exchange -> seeds.add(exchange.request()));
    seeds.add(STARTUP);
    seeds.add(
        Side.startup(PROTOCOL_3_2, "user", "nobody", "database", "postgres@pr-1", "_pq_.x", "1"));
    seeds.add(new Frontend().ints(8, SSL_REQUEST_CODE).bytes());
    seeds.add(new Frontend().ints(16, CANCEL_REQUEST_CODE, 1, 2).bytes());
    return seeds;
  }

  /** Sends it all, every third time as the first thing, and reads to the end. */
  public void send(byte[] bytes, long round) throws IOException {
    try (var peer = side.anotherThroughVela()) {
      if (round % 3 != 0) {
        peer.send(STARTUP);
      }
      peer.send(bytes);
      if (round % 5 != 0) {
        peer.endOutput();
        var _ = peer.readToEnd();
      }
    }
  }

  /** Serves one who means it. */
  public void expectARow() throws IOException {
    try (var peer = side.anotherThroughVela()) {
      peer.send(STARTUP);
      peer.send(new Frontend().query("select 'a row'").terminate().bytes());
      var answer = peer.readToEnd();
      if (!answer.contains("a row")) {
        throw new AssertionError("not served: " + answer);
      }
    }
  }

  /** Whether no session is left. */
  public boolean isEmpty() {
    return side.isEmpty();
  }

  /** How many clients were told of a fault of Vela's own. */
  public double internalErrors() {
    return side.count("vela.refusals", "sqlstate", "XX000");
  }

  @Override
  public void close() {
    side.close();
  }
}
