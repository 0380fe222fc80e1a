import { Injectable } from '@nestjs/common';

/** For so many looks after something was added: its transaction may not be committed at the first. */
const LOOKS_AFTER_NEWS = 3;
/** Every so-manieth look asks the database whatever is known here: another watchdog may have added something, or died. */
const LOOK_ANYWAY = 5;

/** Whether it is worth while to ask the database what is to be told. */
@Injectable()
export class Agenda {
  private news = LOOKS_AFTER_NEWS;
  private looks = 0;
  private nextAt: Date | null = null;

  /** Something may be due soon. */
  added(): void {
    this.news = LOOKS_AFTER_NEWS;
  }

  isTime(now: Date): boolean {
    const due = this.nextAt !== null && this.nextAt <= now;
    const anyway = ++this.looks % LOOK_ANYWAY === 0;
    if (this.news > 0) this.news -= 1;
    else if (!due && !anyway) return false;
    return true;
  }

  isNext(at: Date | null): void {
    this.nextAt = at;
  }
}
