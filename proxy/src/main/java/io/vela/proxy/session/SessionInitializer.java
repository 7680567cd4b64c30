package io.vela.proxy.session;

import io.netty.channel.Channel;
import io.netty.channel.ChannelInitializer;
import io.vela.config.value.BranchName;
import java.util.Optional;

/** Makes a session of each channel that a listener accepts. */
public final class SessionInitializer extends ChannelInitializer<Channel> {
  private final SessionServices services;
  private final Optional<BranchName> defaultBranch;

  /**
   * @param defaultBranch the listener's, for clients that name none
   */
  public SessionInitializer(SessionServices services, Optional<BranchName> defaultBranch) {
    this.services = services;
    this.defaultBranch = defaultBranch;
  }

  @Override
  protected void initChannel(Channel channel) {
    new Admission(new Session(services, channel), defaultBranch).begin();
  }
}
