import { MAX_ROOM_NAME_LENGTH, parseRoomName, type RoomNameProblem } from '../model/room-name.js';
import { byId, setText } from '@holdfast/page/dom';

const PROBLEMS: Record<RoomNameProblem, string> = {
  empty: 'Give the room a name.',
  too_long: `A room’s name has at most ${MAX_ROOM_NAME_LENGTH} characters.`,
  characters: 'Use letters a–z, digits, “-” and “_”, and begin and end with a letter or digit.',
};

/** Asks for a room to create or join. */
export class RoomDialog {
  readonly #dialog = byId('room-dialog', HTMLDialogElement);
  readonly #input = byId('room', HTMLInputElement);
  readonly #problem = byId('room-problem', HTMLElement);

  constructor(open: (room: string) => void) {
    byId('room-form', HTMLFormElement).addEventListener('submit', (event) => {
      event.preventDefault();
      const result = parseRoomName(this.#input.value);
      this.#showProblem('problem' in result ? PROBLEMS[result.problem] : undefined);
      if ('problem' in result) return this.#input.focus();
      this.#dialog.close();
      open(result.name);
    });
    this.#input.addEventListener('input', () => this.#showProblem(undefined));
    byId('room-cancel', HTMLButtonElement).addEventListener('click', () => this.#dialog.close());
    byId('new-room', HTMLButtonElement).addEventListener('click', () => {
      this.#input.value = '';
      this.#showProblem(undefined);
      this.#dialog.showModal();
    });
  }

  #showProblem(problem: string | undefined): void {
    this.#problem.hidden = problem === undefined;
    setText(this.#problem, problem ?? '');
    this.#input.setAttribute('aria-invalid', String(problem !== undefined));
  }
}
