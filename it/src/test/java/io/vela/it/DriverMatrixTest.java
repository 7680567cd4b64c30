package io.vela.it;

import java.util.List;
import java.util.Map;

/** What drivers do through Vela. */
final class DriverMatrixTest extends DriverMatrix {
  DriverMatrixTest() {
    super(List.of("--tls-self-signed"), Map.of());
  }
}
