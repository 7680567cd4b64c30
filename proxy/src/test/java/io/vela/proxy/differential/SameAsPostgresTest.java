package io.vela.proxy.differential;

import static io.vela.proxy.wire.StartupPacket.PROTOCOL_3_0;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every stream, cut anywhere, gets through Vela the answer that it gets from Postgres itself. A cut
 * is a real one: the next byte is sent when Vela has passed on the last.
 */
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class SameAsPostgresTest {
  private static final String[] POSTGRES = {"user", "postgres", "database", "postgres"};

  /** Longer ones are cut at random, at this many places. */
  private static final int CUT_EVERYWHERE = 120;

  private static final int RANDOM_CUTS = 25;

  private static final Map<Integer, Side> SIDES = new HashMap<>();

  @BeforeAll
  static void start() throws Exception {
    for (var major : Side.majors()) {
      SIDES.put(major, new Side(major));
    }
  }

  @AfterAll
  static void stop() {
    SIDES.values().forEach(Side::close);
  }

  private static Side side(int major) {
    return java.util.Objects.requireNonNull(SIDES.get(major));
  }

  private static Stream<Arguments> each(List<Exchange> exchanges) {
    return Side.majors().stream()
        .flatMap(major -> exchanges.stream().map(exchange -> Arguments.of(major, exchange)));
  }

  static Stream<Arguments> repeatable() {
    return each(Exchange.repeatable());
  }

  static Stream<Arguments> last() {
    return each(Exchange.last());
  }

  private static Peer begin(Peer peer, byte[] startup) {
    peer.send(startup);
    assertThat(peer.readUntil('Z', 1)).startsWith("R").doesNotContain("END");
    peer.send(Exchange.SETUP.request());
    assertThat(peer.readUntil('Z', 1)).contains("CREATE TABLE");
    return peer;
  }

  private static Peer direct(Side side) throws Exception {
    return begin(side.direct(), Side.startup(PROTOCOL_3_0, POSTGRES));
  }

  private static Peer throughVela(Side side) throws Exception {
    return begin(side.throughVela(), Side.startupWithToken(PROTOCOL_3_0, POSTGRES));
  }

  private static List<Integer> cuts(byte[] request) {
    if (request.length <= CUT_EVERYWHERE) {
      return IntStream.range(0, request.length).boxed().toList();
    }
    return new Random(request.length).ints(RANDOM_CUTS, 0, request.length).boxed().toList();
  }

  /** Sends in two parts, the second once the first has been passed on. */
  private static void sendCut(Side side, Peer peer, byte[] request, int cut) {
    var before = side.relayed();
    peer.send(request, 0, cut);
    side.awaitRelayed(before + cut);
    peer.send(request, cut, request.length);
  }

  @ParameterizedTest
  @MethodSource("repeatable")
  void whereverItIsCut(int major, Exchange exchange) throws Exception {
    var side = side(major);
    var request = exchange.request();
    String theirs;
    try (var peer = direct(side)) {
      peer.send(request);
      theirs = peer.readUntil('Z', exchange.answers());
      assertThat(theirs).doesNotContain("END");
      peer.send(request);
      assertThat(peer.readUntil('Z', exchange.answers())).isEqualTo(theirs);
    }
    try (var peer = throughVela(side)) {
      for (int cut : cuts(request)) {
        sendCut(side, peer, request, cut);
        assertThat(peer.readUntil('Z', exchange.answers())).as("cut at %d", cut).isEqualTo(theirs);
      }
      var before = side.relayed();
      for (int i = 0; i < Math.min(request.length, CUT_EVERYWHERE); i++) {
        peer.send(request, i, i + 1);
        side.awaitRelayed(before + i + 1);
      }
      peer.send(request, Math.min(request.length, CUT_EVERYWHERE), request.length);
      assertThat(peer.readUntil('Z', exchange.answers())).as("byte by byte").isEqualTo(theirs);
    }
  }

  @ParameterizedTest
  @MethodSource("repeatable")
  void thenNothingMoreIsSent(int major, Exchange exchange) throws Exception {
    var side = side(major);
    String theirs;
    try (var peer = direct(side)) {
      peer.send(exchange.request());
      peer.endOutput();
      theirs = peer.readToEnd();
    }
    try (var peer = throughVela(side)) {
      peer.send(exchange.request());
      peer.endOutput();
      assertThat(peer.readToEnd()).isEqualTo(theirs);
    }
  }

  @ParameterizedTest
  @MethodSource("repeatable")
  void theClientLeavesInTheMiddle(int major, Exchange exchange) throws Exception {
    var side = side(major);
    int middle = exchange.request().length - 3;
    String theirs;
    try (var peer = direct(side)) {
      peer.send(exchange.request(), 0, middle);
      peer.endOutput();
      theirs = peer.readToEnd();
    }
    try (var peer = throughVela(side)) {
      peer.send(exchange.request(), 0, middle);
      peer.endOutput();
      assertThat(peer.readToEnd()).isEqualTo(theirs);
    }
  }

  @ParameterizedTest
  @MethodSource("last")
  void whereverItIsCutBeforeTheEnd(int major, Exchange exchange) throws Exception {
    var side = side(major);
    var request = exchange.request();
    String theirs;
    try (var peer = direct(side)) {
      peer.send(request);
      theirs = peer.readToEnd();
    }
    for (int cut = 0; cut < request.length; cut += Math.max(1, request.length / 12)) {
      try (var peer = throughVela(side)) {
        peer.send(request, 0, cut);
        peer.send(request, cut, request.length);
        assertThat(peer.readToEnd()).as("cut at %d", cut).isEqualTo(theirs);
      }
    }
  }

  static Stream<Arguments> seeds() {
    return Side.majors().stream()
        .flatMap(major -> IntStream.range(0, 8).mapToObj(seed -> Arguments.of(major, 1000 + seed)));
  }

  /** Some exchanges in any order, whole or with messages left out, and an end. */
  private static byte[] generated(Random random) {
    var out = new ByteArrayOutputStream();
    var all = Exchange.repeatable();
    for (int i = 0; i < 60; i++) {
      var request = all.get(random.nextInt(all.size())).request();
      if (random.nextInt(4) > 0) {
        out.writeBytes(request);
      } else {
        messages(request).stream().filter(_ -> random.nextInt(3) > 0).forEach(out::writeBytes);
      }
    }
    // Whatever COPY is under way fails, whatever pipeline is open ends.
    out.writeBytes(new Frontend().copyFail("enough").sync().bytes());
    var ends = Exchange.last();
    out.writeBytes(ends.get(random.nextInt(ends.size())).request());
    return out.toByteArray();
  }

  private static List<byte[]> messages(byte[] stream) {
    var messages = new ArrayList<byte[]>();
    for (int at = 0; at < stream.length; ) {
      int length = 1 + java.nio.ByteBuffer.wrap(stream).getInt(at + 1);
      messages.add(java.util.Arrays.copyOfRange(stream, at, at + length));
      at += length;
    }
    return messages;
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void aGeneratedStreamCutAtRandom(int major, int seed) throws Exception {
    var side = side(major);
    var random = new Random(seed);
    var stream = generated(random);
    String theirs;
    try (var peer = direct(side)) {
      var answer = CompletableFuture.supplyAsync(peer::readToEnd, Thread::startVirtualThread);
      peer.send(stream);
      theirs = answer.get(30, TimeUnit.SECONDS);
    }
    try (var peer = throughVela(side)) {
      var answer = CompletableFuture.supplyAsync(peer::readToEnd, Thread::startVirtualThread);
      for (int at = 0; at < stream.length; ) {
        int next = Math.min(stream.length, at + 1 + random.nextInt(random.nextBoolean() ? 4 : 400));
        peer.send(stream, at, next);
        at = next;
        if (random.nextInt(40) == 0) {
          // Stops that let what was sent arrive as a read of its own.
          LockSupport.parkNanos(200_000);
        }
      }
      assertThat(answer.get(30, TimeUnit.SECONDS)).isEqualTo(theirs);
    }
  }
}
