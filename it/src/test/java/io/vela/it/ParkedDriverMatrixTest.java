package io.vela.it;

import java.util.List;
import java.util.Map;

/** The same, with every session parked whenever it is idle: no driver notices. */
final class ParkedDriverMatrixTest extends DriverMatrix {
  private static final Map<String, String> EXCEPTIONS =
      Map.of(
          "listen-process",
          "a notification names the backend that notified; the driver knows its first one's");

  ParkedDriverMatrixTest() {
    super(List.of("--tls-self-signed", "--park-always"), EXCEPTIONS);
  }
}
