package io.vela.proxy.wire;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class RequestLedgerTest {
  private final StringBuilder history = new StringBuilder();

  @Test
  void whateverAClientSendsTheSessionIsNeverCalledIdleWhileTheServerOwesAnAnswer() {
    var random = new Random(7);
    for (int round = 0; round < 30_000; round++) {
      history.setLength(0);
      var ledger = new RequestLedger();
      var server = new PostgresModel();
      for (int step = 0; step < 40; step++) {
        switch (random.nextInt(3)) {
          case 0 -> send(ledger, server, randomMessage(random));
          case 1 -> server.work();
          default -> deliver(ledger, server.take());
        }
        if (ledger.idle()) {
          assertThat(server.owes()).as("idle after %s", history).isFalse();
        }
      }
    }
  }

  @Test
  void aClientThatWaitsForEachAnswerIsAlwaysFollowed() {
    var random = new Random(8);
    for (int round = 0; round < 5_000; round++) {
      history.setLength(0);
      var ledger = new RequestLedger();
      var server = new PostgresModel();
      for (int request = 0; request < 8; request++) {
        boolean extended = random.nextBoolean();
        String outcome = List.of("o", "f", "c").get(random.nextInt(3));
        if (extended) {
          send(ledger, server, random.nextInt(5) == 0 ? "Pf" : "Po");
          send(ledger, server, "Bo");
          send(ledger, server, "E" + outcome);
          send(ledger, server, "So");
        } else {
          send(ledger, server, "Q" + outcome);
        }
        run(ledger, server);
        for (int data = 0; data < 4 && server.waitsForClient(); data++) {
          send(ledger, server, random.nextInt(6) == 0 ? "df" : "do");
          if (random.nextBoolean()) {
            run(ledger, server);
          }
        }
        if (outcome.equals("c") && (server.waitsForClient() || ledger.inFlight() > 0)) {
          send(ledger, server, random.nextBoolean() ? "co" : "fo");
          if (extended) {
            send(ledger, server, "So");
          }
        }
        run(ledger, server);
        assertThat(ledger.idle()).as("after %s", history).isTrue();
      }
    }
  }

  @Test
  void aSyncAmidACopyThatFailsIsInDoubtUntilItIsAnswered() {
    var ledger = new RequestLedger();
    var server = new PostgresModel();
    send(ledger, server, "Qc");
    run(ledger, server);
    // Whether the Sync was read in copy-in mode cannot be seen: here it was not.
    send(ledger, server, "df");
    send(ledger, server, "So");
    send(ledger, server, "co");
    server.work();
    deliver(ledger, server.take());
    assertThat(ledger.certain()).isFalse();
    run(ledger, server);
    assertThat(ledger.certain()).isTrue();
    assertThat(ledger.idle()).isTrue();
  }

  @Test
  void aSyncThatACopyIgnoredLeavesTheCountOpen() {
    var ledger = new RequestLedger();
    var server = new PostgresModel();
    send(ledger, server, "Qc");
    run(ledger, server);
    send(ledger, server, "So");
    send(ledger, server, "fo");
    run(ledger, server);
    assertThat(ledger.idle()).isFalse();
  }

  @Test
  void pipelinesOfAnyLengthAreCounted() {
    var ledger = new RequestLedger();
    var server = new PostgresModel();
    for (int i = 0; i < 10_000; i++) {
      for (var message : List.of("Po", i % 7 == 0 ? "Bf" : "Bo", "Eo", "So")) {
        send(ledger, server, message);
      }
    }
    assertThat(ledger.inFlight()).isEqualTo(10_000);
    run(ledger, server);
    assertThat(ledger.idle()).isTrue();
    assertThat(ledger.requests()).isEqualTo(10_000);
  }

  private void run(RequestLedger ledger, PostgresModel server) {
    while (!server.quiet()) {
      server.work();
      deliver(ledger, server.take());
    }
  }

  private static String randomMessage(Random random) {
    return "QSSPBEEHFdcfX".charAt(random.nextInt(12))
        + List.of("o", "o", "f", "c").get(random.nextInt(4));
  }

  private void send(RequestLedger ledger, PostgresModel server, String message) {
    history.append(' ').append(message);
    switch (message.charAt(0)) {
      case 'Q', 'F' -> ledger.queried();
      case 'S' -> ledger.synced();
      case 'P', 'B' -> ledger.extended();
      case 'E' -> ledger.executed();
      case 'H' -> {}
      case 'd' -> ledger.copyData();
      case 'c', 'f' -> ledger.copyEnded();
      default -> throw new IllegalArgumentException(message);
    }
    server.receive(message);
  }

  private void deliver(RequestLedger ledger, String types) {
    history.append(" <").append(types).append('>');
    for (int i = 0; i < types.length(); i++) {
      switch (types.charAt(i)) {
        case 'Z' -> ledger.answered();
        case 'E' -> ledger.failed();
        case 'G' -> ledger.copyInBegan();
        case 'C' -> ledger.completed();
        default -> {}
      }
    }
  }
}
