package io.vela.proxy.session;

import io.netty.channel.Channel;
import io.netty.channel.ChannelInitializer;
import io.vela.proxy.net.Entrance;

/** Makes a session of each channel that a listener accepts. */
public final class SessionInitializer extends ChannelInitializer<Channel> {
  private final SessionServices services;
  private final Entrance entrance;

  /**
   * @param entrance the listener's
   */
  public SessionInitializer(SessionServices services, Entrance entrance) {
    this.services = services;
    this.entrance = entrance;
  }

  @Override
  protected void initChannel(Channel channel) {
    new Admission(new Session(services, channel), entrance).begin();
  }
}
