package io.vela.it;

import io.vela.agent.isolation.IsolationLevel;
import io.vela.it.support.OrdinaryUser;
import io.vela.it.support.Scratch;
import io.vela.it.support.Vela;

/** The same attacks where Vela runs as an ordinary user, who may make user namespaces. */
final class WallsOfOrdinaryUserTest extends AttackSuite {
  WallsOfOrdinaryUserTest() {
    super(IsolationLevel.NAMESPACES);
  }

  @Override
  Vela start(Scratch scratch) throws Exception {
    return Vela.startAs(new OrdinaryUser(scratch.folder()), scratch.data());
  }
}
