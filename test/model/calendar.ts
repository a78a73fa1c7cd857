// What will happen in the simulated world, and when.

export interface Appointment {
  at: number
  /** In the supervisor's time: not moved by a gap. */
  readonly supervised: boolean
  readonly run: () => void
}

export class Calendar {
  private readonly appointments: Appointment[] = []

  add(appointment: Appointment): void {
    this.appointments.push(appointment)
  }

  /** The earliest; of the same moment, the one that was made first. */
  next(): Appointment | undefined {
    let next: Appointment | undefined
    for (const one of this.appointments) if (next === undefined || one.at < next.at) next = one
    return next
  }

  remove(appointment: Appointment): void {
    this.appointments.splice(this.appointments.indexOf(appointment), 1)
  }

  /** All but what counts in the supervisor's time comes so much earlier, but not before `now`. */
  hasten(millis: number, now: number): void {
    for (const one of this.appointments) if (!one.supervised) one.at = Math.max(now, one.at - millis)
  }
}
